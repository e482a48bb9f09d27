"""How a row is measured: in turn, with refusals told, and read the right way round."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.bench.endpoint import Endpoint, UnsupportedError
from harness.bench.load import Amounts, Load
from harness.bench.measure import Effort, Samples, sample
from harness.bench.result import Measured, measured
from harness.bench.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = Endpoint("ours", "http://127.0.0.1:1")
ONE = Endpoint("one", "http://127.0.0.1:2")
TWO = Endpoint("two", "http://127.0.0.1:3")
FASTER = Row("rate", "items/s", "boto3")
SMALLER = Row("memory", "MB", "process", lower_is_better=True)


class Told:
    """A case that writes down what is asked of it."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[str] = []
        self._refuses = refuses

    @contextmanager
    def __call__(self, endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
        name = endpoint.name
        if name == self._refuses:
            raise UnsupportedError("not  emulated:\n Scan")

        def step() -> int:
            self.calls.append(name)
            return 1

        yield Load(step, lambda: self.calls.append(f"refill {name}"))
        self.calls.append(f"tidy {name}")


def test_rounds_go_from_us_to_each_peer_in_turn() -> None:
    case = Told()

    sample(case, OURS, [ONE, TWO], amounts=Amounts(), effort=Effort(seconds=0, rounds=2))

    steps = [call for call in case.calls if " " not in call]
    warm_up = ["ours", "one", "two"]
    assert steps == [*warm_up, *["ours", "one", "ours", "two"] * 2]
    assert case.calls[-3:] == ["tidy two", "tidy one", "tidy ours"]


def test_each_step_is_refilled_before_it() -> None:
    case = Told()

    sample(case, OURS, [], amounts=Amounts(), effort=Effort(seconds=0, rounds=1))

    assert case.calls == ["refill ours", "ours", "refill ours", "ours", "tidy ours"]


def test_a_peer_that_refuses_has_no_figure_and_says_why_in_one_line() -> None:
    samples = sample(
        Told(refuses="one"), OURS, [ONE, TWO], amounts=Amounts(), effort=Effort(0, rounds=1)
    )

    found = measured(FASTER, samples, "ours", ["one", "two"])
    assert found.peers["one"] is None
    assert found.peers["two"] is not None
    assert found.best_peer == "two"
    assert found.reasons == {"one": "not emulated: Scan"}


def test_a_figure_is_the_median_of_the_rounds() -> None:
    samples = Samples({"ours": [1.0, 900.0, 30.0], "one": [10.0, 20.0]})

    found = measured(FASTER, samples, "ours", ["one"])

    assert found.ours == 30.0
    assert found.peers == {"one": 15.0}
    assert found.ratio == 2.0


def test_a_ratio_is_higher_when_we_are_better_whichever_way_the_figures_go() -> None:
    rate = Measured(FASTER, 300.0, {"one": 100.0, "two": 200.0, "three": None})
    memory = Measured(SMALLER, 50.0, {"one": 100.0, "two": 200.0})

    assert (rate.best_peer, rate.ratio, rate.passed) == ("two", 1.5, True)
    assert (memory.best_peer, memory.ratio, memory.passed) == ("one", 2.0, True)
    assert not Measured(FASTER, 100.0, {"one": 101.0}).passed
    assert not Measured(SMALLER, 101.0, {"one": 100.0}).passed


def test_a_budget_counts_and_not_the_peer() -> None:
    row = Row("start", "s", "process", lower_is_better=True, budget=1.0)

    assert Measured(row, 0.5, {"one": 0.1}).ratio == 2.0
    assert not Measured(row, 1.25, {"one": 9.0}).passed


def test_nobody_else_can_do_it_is_no_failure() -> None:
    alone = Measured(FASTER, 5.0, {"one": None})

    assert (alone.best_peer, alone.ratio, alone.passed) == (None, None, True)
