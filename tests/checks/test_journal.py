"""The journal reads the history once; what it says must be what a slow look at all of it says."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checks.journal import journal_of
from tests.checks.story import Story

SHARDS = ("shardId-000000000000", "shardId-000000000001")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(0, 3), st.integers(0, 1)),
        st.tuples(st.just("read"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("kill"), st.just(0), st.just(0)),
        st.tuples(st.just("large"), st.integers(0, 3), st.just(0)),
    ),
    max_size=14,
)


@dataclass
class Model:
    """Everything kept, nothing clever."""

    delivered: list[tuple[int, str, int, int]] = field(default_factory=list)
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    large: list[int] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    handed: int = 0
    handed_before_end: int = 0

    def lag(self) -> int:
        first = (
            next((at for s, last, at in self.reads if s == shard and last >= number), None)
            for _, shard, number, _ in self.delivered
        )
        waits = zip(first, self.delivered, strict=True)
        return max((read - at for read, (*_, at) in waits if read is not None), default=0)

    def unread(self) -> dict[str, int]:
        left = [
            shard
            for _, shard, number, _ in self.delivered
            if not any(s == shard and last >= number for s, last, _ in self.reads)
        ]
        return {shard: left.count(shard) for shard in set(left)}

    def skipped(self) -> set[str]:
        return {
            self.keys[change]
            for change in self.large
            if not any(c > change and self.keys[c] == self.keys[change] for c, *_ in self.delivered)
        }


def told(steps: list[tuple[str, int, int]]) -> tuple[Story, Model]:
    """A story of these steps: each delivery is of a new write to one of four keys."""
    story, model = Story(), Model()
    waiting: dict[str, list[int]] = {shard: [] for shard in SHARDS}
    for what, first, second in steps:
        if what == "deliver":
            number = story.put(f"k{first}")
            model.keys[number] = f"k{first}"
            story.deliver(number, shard=SHARDS[second])
            placed = story.sequences[number]
            model.delivered.append((number, *placed, story.at))
            waiting[SHARDS[second]].append(number)
        elif what == "large":
            number = story.put(f"k{first}")
            model.keys[number] = f"k{first}"
            model.large.append(number)
            story.deliver(number, outcome="oversized")
        elif what == "kill":
            story.kill()
            model.handed_before_end = model.handed
        else:
            page = waiting[SHARDS[first]][:second]
            del waiting[SHARDS[first]][:second]
            if page:
                story.read(*page)
                model.handed += len(page)
                model.reads.append((SHARDS[first], story.sequences[page[-1]][1], story.at))
    return story, model


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_it_agrees_with_keeping_everything(steps: list[tuple[str, int, int]]) -> None:
    story, model = told(steps)
    journal = journal_of(story.evidence())
    assert journal is not None
    assert journal.lag_us_max == model.lag()
    assert dict(journal.unread) == model.unread()
    assert journal.deliveries == len(model.delivered)
    assert (journal.records, journal.records_before_end) == (model.handed, model.handed_before_end)
    assert {event["key"]["id"]["S"] for event in journal.skipped.values()} == model.skipped()
    assert journal.events == len(story.events)


def test_a_repeated_page_is_counted_and_moves_nothing() -> None:
    story = Story()
    number = story.put("a")
    story.deliver(number)
    story.read(number)
    before = journal_of(story.evidence())
    story.read(number)
    after = journal_of(story.evidence())
    assert before is not None
    assert after is not None
    assert (before.records, after.records) == (1, 2)
    assert (before.lag_us_max, after.lag_us_max) == (10_000, 10_000)


def test_a_change_that_overtakes_an_older_one_of_its_key_is_counted() -> None:
    story = Story()
    first, second, other = story.put("a"), story.put("a"), story.put("b")
    for number in (second, first, other):
        story.deliver(number)
    journal = journal_of(story.evidence())
    assert journal is not None
    assert journal.overtaken == 1
