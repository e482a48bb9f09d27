"""A thread beside a run: it works until it is told to end, and ending is harmless at any moment."""

from __future__ import annotations

from threading import Event

from harness.lookout import Lookout


def test_it_works_until_it_is_told_to_end() -> None:
    began, done = Event(), Event()

    def work(ended: Event) -> None:
        began.set()
        ended.wait()
        done.set()

    lookout = Lookout(work, "test")
    lookout.start()
    assert began.wait(10)
    assert not done.is_set()

    lookout.stop()

    assert done.is_set()


def test_ending_is_harmless_when_it_never_began_and_when_it_has_ended() -> None:
    begun = []
    lookout = Lookout(lambda _: begun.append(1), "test")
    lookout.stop()
    assert not begun

    started = Lookout(lambda _: begun.append(2), "test")
    started.start()
    started.stop()
    started.stop()
    assert begun == [2]
