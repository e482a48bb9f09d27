"""Does the search find what it is for? Two mutants of the reference that only a rare window shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from harness.pipelines.reference.clickhouse import ClickHouseError
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes
from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.pipelines.reference.batches import Batch

SEEDS = 60


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


class _CheckpointsFirst(StreamSync):
    """The checkpoint is written before the rows are: a crash in between loses them.

    It also starts again behind its checkpoint: the reference reads its last batch once more, which
    would hide the loss.
    """

    def store(self, batch: Batch) -> None:
        for span in batch.spans.values():
            span.resume = ""
        self.checkpointer.save(batch.spans)
        self.flusher.flush(batch)


class CheckpointsFirst(ClickPipes):
    def stream_sync_class(self) -> type[StreamSync]:
        return _CheckpointsFirst


class _SwallowsErrors(StreamSync):
    """An INSERT that failed is taken for done."""

    def store(self, batch: Batch) -> None:
        try:
            self.flusher.flush(batch)
        except ClickHouseError:
            batch.errors.clear()
        self.checkpointer.save(batch.spans)


class SwallowsErrors(ClickPipes):
    def stream_sync_class(self) -> type[StreamSync]:
        return _SwallowsErrors


@pytest.mark.parametrize(
    ("mutant", "settings"),
    [(CheckpointsFirst, ""), (SwallowsErrors, "retry_seconds_max=0")],
)
def test_a_rare_window_is_found(bench: Bench, mutant: type[ClickPipes], settings: str) -> None:
    overrides = [
        "workload.items=0", "workload.changes=15", "snapshot.export=false",
        "workload.mix.insert=1", f"pipeline.settings={{{settings}}}",
    ]  # fmt: skip
    told = load_scenario("hot-key", overrides=overrides)
    for seed in range(SEEDS):
        seeded = told.model_copy(update={"seed": seed})
        result = run_stepped(bench, seeded, make=mutant)
        if result.outcome == "failed":
            assert "no_lost_update" in result.failing
            trace = orjson.loads(orjson.dumps(result.trace))
            steps = [Action.from_json(step) for step in trace if step["do"] != "ended"]
            replayed = run_stepped(bench, seeded, RecordedChooser(steps), make=mutant)
            assert replayed.trace_hash == result.trace_hash
            return
    pytest.fail(f"{SEEDS} seeds did not find it")
