"""Which steps a recorded failure needs: each is left out in turn, and the rest is played again.

A stepped run is exact, so what comes without a step did not need it. A live run is not, and of one
nothing is said but what was present.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.explain.material import label, wire_key
from harness.fuzz.failure import same_failure
from harness.fuzz.script import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.fuzz.failure import Failure
    from harness.fuzz.script import Make, Script
    from harness.run.step_actions import Action
    from harness.run.step_world import Bench

TRIALS_MAX = 60
PATIENCE = 100
_OPERATORS = {
    "split": "the split of {what}",
    "merge": "the merge of {what}",
    "roll": "a shard of the table's stream that closed",
    "reshard": "the change of the shard count",
    "export": "the second export",
    "lose-checkpoints": "the loss of the checkpoints",
    "roll-back-checkpoints": "the checkpoints rolled back",
    "truncate": "the target truncated",
    "destination-off": "the destination disabled",
    "land": "an INSERT that took effect after its sender had died",
    "stop": "the stop of the pipeline",
    "expire": "the expiry of {what}",
    "clock-step": "the clock set back",
    "gap": "the gap of the destination",
    "repair-gap": "the export after the gap",
    "change-precision": "the change of the stamps' precision",
    "enable-time-to-live": "the storm of expiries",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One step left out.

    Attributes:
        step: as the file has it.
        words: what it is in words.
        is_write: it is one of the writes that make the workload, and no disturbance.
        is_necessary: without it the failure does not come.
    """

    step: str
    words: str
    is_write: bool
    is_necessary: bool


def trials(
    bench: Bench,
    script: Script,
    failure: Failure,
    *,
    make: Make | None = None,
    tell: Callable[[int, int], None] = lambda _, __: None,
) -> list[Trial]:
    """Leave out each step in turn.

    Args:
        bench: where to play.
        script: the steps.
        failure: what must come again.
        make: makes the pipeline, in place of one that ships.
        tell: told how many trials are done, of how many.
    """
    found = []
    places = list(enumerate(script.steps))[:TRIALS_MAX]
    for place, step in places:
        shorter = _without(script, place)
        played = play(bench, shorter, make=make, patience=PATIENCE)
        needed = same_failure(played.result, failure) is None
        found.append(Trial(str(step), words(script, place), step.do == "write", needed))
        tell(place + 1, len(places))
    return found


def necessary(found: list[Trial]) -> list[str]:
    """The disturbances that the failure needs, in the order of the steps."""
    return list(dict.fromkeys(t.words for t in found if t.is_necessary and not t.is_write))


def words(script: Script, place: int) -> str:
    """A step in words, with what makes it special at its place."""
    step = script.steps[place]
    if step.do == "write":
        return _write(script, step.what)
    if step.do == "deliver":
        return _delivery(script, place)
    if step.do == "release":
        what = " ".join(step.what.split()[1:]) or step.what
        return f"an answer to {what} just then" if step.how == "ok" else f"{step.how} on {what}"
    if step.do == "kill":
        when = {
            "after": "a kill when the request was carried out",
            "in-flight": "a kill with an INSERT in flight",
        }
        held = " ".join(step.what.split()[1:])
        return when.get(step.how, f"a kill while {held} was held" if held else "a kill")
    if step.do == "start":
        return "a second instance" if step.how == "second" else "the start just then"
    told = _OPERATORS.get(step.do, "")
    return told.format(what=step.what) if told else str(step)


def _write(script: Script, name: str) -> str:
    write = next((w for w in script.writes if w.name == name), None)
    if write is None:
        return f"the write {name}"
    return f"the {write.kind} of {label(wire_key([], write.key))}"


def _delivery(script: Script, place: int) -> str:
    step = script.steps[place]
    if step.how or any(_is_delivery(s, step.what) for s in script.steps[:place]):
        return f"a repeated delivery of {step.what}"
    ahead = list(_overtaken(script, place))
    if ahead:
        return f"the delivery of {step.what} ahead of {', '.join(ahead)}"
    return f"the delivery of {step.what} just then"


def _overtaken(script: Script, place: int) -> Iterator[str]:
    """Earlier writes of the same key that are not delivered yet."""
    keys = {write.name: write.key for write in script.writes}
    own = script.steps[place].what
    before = script.steps[:place]
    for step in before:
        if step.do != "write" or step.what == own:
            continue
        if keys.get(step.what) != keys.get(own) or not _is_earlier(before, step.what, own):
            continue
        if not any(_is_delivery(s, step.what) for s in before):
            yield step.what


def _is_earlier(steps: tuple[Action, ...], one: str, other: str) -> bool:
    written = [s.what for s in steps if s.do == "write"]
    return other in written and written.index(one) < written.index(other)


def _is_delivery(step: Action, write: str) -> bool:
    return step.do == "deliver" and step.what == write


def _without(script: Script, place: int) -> Script:
    """The script without one step; without a write there is nothing of it to deliver either."""
    gone = script.steps[place]
    kept = tuple(
        step
        for at, step in enumerate(script.steps)
        if at != place and not (gone.do == "write" and _is_delivery(step, gone.what))
    )
    return replace(script, steps=kept)
