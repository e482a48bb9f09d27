"""What a reader opened is closed when its pipe ends, also what it opened at that very moment."""

from __future__ import annotations

import threading

from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.reading import Readers
from harness.pipelines.reference.shards import Page


class Subscriber:
    """A reader whose subscription is answered only after its pipe has closed it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answered = threading.Event()
        self.ended = threading.Event()
        self.is_open = False

    def read(self) -> Page:
        self.asked.set()
        assert self.answered.wait(10)
        self.is_open = True
        return Page("shard", ())

    def close(self) -> None:
        self.is_open = False


def test_a_subscription_answered_after_the_close_is_closed_too() -> None:
    subscriber = Subscriber()

    def start(run: object, _name: str) -> None:
        def whole() -> None:
            assert callable(run)
            run()
            subscriber.ended.set()

        threading.Thread(target=whole, daemon=True).start()

    env = Environment(start_thread=start)
    readers = Readers(env, workers=0, poll_seconds=0.01, dedicated=True)
    readers.add("shard", subscriber)
    assert subscriber.asked.wait(10)
    readers.close()
    subscriber.answered.set()
    assert subscriber.ended.wait(10)
    assert not subscriber.is_open
