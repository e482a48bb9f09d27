"""The operator of a live run: does what the scenario plans, at moments that are no times.

An act happens when a phase begins, when so many changes of the workload have been answered, or
while a request of the pipeline is held at the gate. The run waits for it, so the same scenario does
the same thing at the same point of the workload on any machine.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from harness.errors import BackendError, HarnessError, ScenarioError
from harness.faults.acts import make_act
from harness.faults.live import CALM_PATH, GATE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.history import History
    from harness.run.operator_acts import Hands
    from harness.scenario.model import Scenario
    from harness.scenario.model_operator import PlannedAct

ACT_SECONDS_MAX = 120.0
END_SECONDS_MAX = 30.0
GATE_SECONDS_MAX = 15.0
ONLY_AN_EXPORT = ", and no pipeline can bring them back without a new export"
_direct = build_opener(ProxyHandler({}))


@dataclass(eq=False, slots=True)
class _Turn:
    """An act that somebody waits for."""

    planned: PlannedAct
    done: threading.Event = field(default_factory=threading.Event)
    error: HarnessError | None = None


STEPS_ALONE = (
    "this scenario's kills, faults and reshards are drawn in stepped runs alone, "
    "and this live one met none: run it with --stepped"
)


class Operator:
    """Carries out a scenario's acts, each once, on one thread.

    Args:
        scenario: what it plans.
        history: told of each act.
        gates: base URLs of the gates, where acts wait for requests.

    Attributes:
        acted: how many acts have happened.
        errors: why others have not.
    """

    def __init__(self, scenario: Scenario, history: History, gates: Sequence[str]) -> None:
        self._planned = list(scenario.operator)
        plans = scenario.operator or scenario.faults.plan
        self._is_for_steps = "stepped" in scenario.model_fields_set and not plans
        self._history = history
        self._gates = list(gates)
        self._hands: Hands | None = None
        self._are_ready = threading.Event()
        self._ended = threading.Event()
        self._acting = threading.Lock()
        self._turns: SimpleQueue[_Turn | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._undone = {id(planned) for planned in self._planned}
        self.acted = 0
        self.errors: list[HarnessError] = []

    def __enter__(self) -> Operator:
        if self._planned:
            self._begin(self._run, "operator")
        if any(planned.on_request is not None for planned in self._planned):
            for url in self._gates:
                self._begin(lambda url=url: self._attend(url), f"operator at {url}")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, run: Any, name: str) -> None:
        thread = threading.Thread(target=run, daemon=True, name=name)
        self._threads.append(thread)
        thread.start()

    def take(self, hands: Hands) -> None:
        """The pipeline runs: acts can be carried out from now on."""
        self._hands = hands
        self._are_ready.set()

    def moments(self) -> list[int]:
        """The counts of changes at which an act is planned, in order."""
        return sorted({p.after_changes for p in self._planned if p.after_changes is not None})

    def phase(self, name: str) -> bool:
        """A phase begins; returns when its acts have happened: True when there were any.

        Raises:
            HarnessError: an act could not be carried out.
        """
        acted = self.acted
        self._all([p for p in self._planned if p.phase == name])
        return self.acted > acted

    def reached(self, count: int) -> None:
        """So many changes have been answered; returns when the acts of that moment have happened.

        Raises:
            HarnessError: an act could not be carried out.
        """
        self._all([p for p in self._planned if p.after_changes == count])

    @property
    def is_waiting(self) -> bool:
        """True while a request may still be held at a gate for an act."""
        return any(p.on_request is not None and id(p) in self._undone for p in self._planned)

    def missed(self) -> list[str]:
        """Acts whose moment never came, for people."""
        return [_told(planned) for planned in self._planned if id(planned) in self._undone]

    def notes(self, sightings: Mapping[str, int]) -> list[str]:
        """What the reader of the verdict should know of the operator, for people."""
        told = self.missed()
        if self._is_for_steps:
            told.append(STEPS_ALONE)
        if count := sightings.get("write-in-a-gap"):
            acts = [planned.act for planned in self._planned if id(planned) not in self._undone]
            is_repaired = "second-export" in acts[acts.index("destination-off") :]
            end = "; a later export holds what they left" if is_repaired else ONLY_AN_EXPORT
            told.append(
                f"{count:,} writes were made while the streaming destination was off: "
                f"no record of the stream tells of them{end}"
            )
        return told

    def halt(self) -> None:
        """Nothing happens any more; what the operator has started lives on until `close`."""
        with self._acting:
            self._ended.set()

    def close(self) -> None:
        """End the thread, and with it whatever it has started and is left."""
        self.halt()
        self._are_ready.set()
        self._turns.put(None)
        if any(planned.on_request is not None for planned in self._planned):
            for url in self._gates:
                # So that nobody sits out the gate's long answer to `wait`.
                _ask(f"{url}{CALM_PATH}")
        for thread in self._threads:
            thread.join(END_SECONDS_MAX)

    def raise_if_failed(self) -> None:
        """Say what could not be carried out.

        Raises:
            HarnessError: an act failed.
        """
        if self.errors:
            raise self.errors[0]

    def _all(self, planned: Sequence[PlannedAct]) -> None:
        for one in planned:
            self._one(one)
        self.raise_if_failed()

    def _one(self, planned: PlannedAct) -> None:
        turn = _Turn(planned)
        self._turns.put(turn)
        if not turn.done.wait(ACT_SECONDS_MAX):
            self.errors.append(
                BackendError(f"act {planned.act!r} took longer than {ACT_SECONDS_MAX:g} s")
            )

    def _run(self) -> None:
        """The one thread that acts: children that it starts live as long as it does."""
        self._are_ready.wait()
        while (turn := self._turns.get()) is not None:
            with self._acting:
                if self._hands is not None and not self._ended.is_set():
                    self._carry_out(turn.planned)
            turn.done.set()

    def _carry_out(self, planned: PlannedAct) -> None:
        assert self._hands is not None
        try:
            told = self._hands.do(make_act(planned.act, planned.settings))
        except ScenarioError as error:
            self.errors.append(self._with_missed(planned, error))
            return
        except HarnessError as error:
            self.errors.append(error)
            return
        self.acted += 1
        self._undone.discard(id(planned))
        self._history.add("operator", **told)

    def _with_missed(self, planned: PlannedAct, error: ScenarioError) -> ScenarioError:
        """What cannot be done may have needed an act whose moment has not come."""
        before = self._planned[: self._planned.index(planned)]
        missed = [_told(one) for one in before if id(one) in self._undone]
        return ScenarioError("; ".join([error.message, *missed]), hint=error.hint)

    def _attend(self, gate: str) -> None:
        """Do what waits for requests, while these are held at a gate."""
        while not self._ended.is_set():
            number = _ask(f"{gate}{GATE_PATH}wait").get("number")
            if number is None:
                continue
            self._one(self._planned[number])
            _ask(f"{gate}{GATE_PATH}go?{number}")


def _told(planned: PlannedAct) -> str:
    wanted = planned.on_request
    if wanted is None:
        return f"act {planned.act!r} never had its moment"
    place = "" if wanted.at is None else f" #{wanted.at}"
    what = f"{wanted.service} {wanted.operation} {wanted.subject}{place}".strip()
    return f"act {planned.act!r} waited for {what}, which never came"


def drop_connections(gates: Sequence[str]) -> int:
    """Cut what is connected to these gates; returns how many connections there were."""
    return sum(int(_ask(f"{gate}{GATE_PATH}drop").get("connections", 0)) for gate in gates)


def _ask(url: str) -> dict[str, Any]:
    """The answer of a gate; empty when it is gone, as while its server starts again."""
    try:
        with _direct.open(
            Request(url, data=b"", method="POST"), timeout=GATE_SECONDS_MAX
        ) as answer:
            told: dict[str, Any] = json.load(answer)
    except (URLError, OSError, ValueError):
        threading.Event().wait(0.05)
        return {}
    return told
