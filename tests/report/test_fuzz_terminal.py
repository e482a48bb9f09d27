"""The live view of a campaign: what it says, in a terminal and where there is none."""

from __future__ import annotations

import io
from threading import Event

from rich.console import Console

from harness.fuzz.campaign import Findings
from harness.fuzz.seen import Seen
from harness.report import fuzz_terminal
from harness.report.fuzz_terminal import FuzzProgress


class Watch:
    """Seconds since the beginning, as the test says."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def progress(watch: Watch, *, seconds: float = 60.0, examples: int = 0) -> FuzzProgress:
    console = Console(file=io.StringIO(), width=120)
    return FuzzProgress(console, seconds=seconds, examples=examples, elapsed=watch)


def test_before_the_first_example_it_says_that_it_starts() -> None:
    shown = progress(Watch()).line()
    assert shown == (
        "0 s  starting: 0 examples, 0/min, 0 failed, 0 distinct failures, 60 s left; faults: none"
    )


def test_it_counts_examples_failures_and_faults_by_kind() -> None:
    watch = Watch()
    shows = progress(watch)
    watch.seconds = 20.0
    shows.see(Seen({"kill": 2, "throttle": 1}))
    shows.see(Seen({"kill": 1}, "no_lost_update"))
    shows.see(Seen({"split": 1}, "no_lost_update"))
    assert shows.line() == (
        "20 s  drawing examples: 3 examples, 9/min, 2 failed, 0 distinct failures, 40 s left; "
        "faults: kill 3 · split 1 · throttle 1"
    )


def test_kinds_beyond_the_first_six_are_one_figure() -> None:
    shows = progress(Watch())
    shows.see(Seen({name: 9 - place for place, name in enumerate("abcdefgh")}))
    assert shows.faults() == "a 9 · b 8 · c 7 · d 6 · e 5 · f 4 · others 5"


def test_while_a_failure_is_cut_down_it_says_so() -> None:
    watch = Watch()
    shows = progress(watch)
    shows.see(Seen({}, "final_state"))
    shows.see(None)
    assert shows.phase == "cutting a failure down"
    watch.seconds = 1.5
    assert shows.phase == "drawing examples"


def test_blocks_of_a_cluster_count_by_their_reports() -> None:
    watch = Watch()
    watch.seconds = 60.0
    shows = progress(watch, seconds=0.0, examples=200)
    shows.tell(Findings(examples=50))
    assert shows.line() == (
        "60 s  drawing examples: 50 of 200 examples, 50/min, 0 failed, 0 distinct failures; "
        "faults: none"
    )


def test_a_terminal_shows_it_while_it_goes_on_and_nothing_of_it_stays() -> None:
    out, drawn = io.StringIO(), Event()

    class Noted(io.StringIO):
        def write(self, text: str) -> int:
            if "faults" in text:
                drawn.set()
            return out.write(text)

    console = Console(file=Noted(), force_terminal=True, width=100)
    with FuzzProgress(console, seconds=60.0, examples=0) as shows:
        shows.see(Seen({"kill": 4}, "final_state"))
        assert drawn.wait(10.0)
    assert "kill 4" in out.getvalue()
    assert "1 failed, 0 distinct failures" in out.getvalue()
    # The lines are erased when it is over.
    assert out.getvalue().rstrip().endswith("\x1b[2K")


def test_without_a_terminal_there_is_a_plain_line_now_and_then() -> None:
    assert fuzz_terminal.PLAIN_SECONDS == 10.0
    printed = Event()

    class Noted(io.StringIO):
        def write(self, text: str) -> int:
            if "examples" in text:
                printed.set()
            return super().write(text)

    file = Noted()
    fuzz_terminal.PLAIN_SECONDS = 0.05
    try:
        with FuzzProgress(Console(file=file, width=60), seconds=60.0, examples=0):
            assert printed.wait(10.0)
    finally:
        fuzz_terminal.PLAIN_SECONDS = 10.0
    first = file.getvalue().splitlines()[0]
    assert first.endswith("faults: none")
    assert "\x1b" not in file.getvalue()
