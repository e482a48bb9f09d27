"""The workload of a run: drawn once, sent phase by phase, every outcome kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.evidence import Write
from harness.errors import BackendError
from harness.workload.mixes import generate
from harness.workload.writer import Outcome, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import Event

    from harness.backends.world import AwsAccess
    from harness.clock import Clock
    from harness.history import History
    from harness.run.progress import Figures
    from harness.scenario.model import Scenario
    from harness.workload.operations import Operation, Phase


def _nobody(_: int) -> None:
    """Nobody acts."""


class Writing:
    """Draws a scenario's operations and applies them to DynamoDB.

    Args:
        scenario: what to write.
        clock: decides what is drawn, and stamps each write.
        history: told of every outcome.
        figures: updated as writes are acknowledged.
    """

    def __init__(
        self, scenario: Scenario, clock: Clock, history: History, figures: Figures
    ) -> None:
        self._table_name = scenario.table.table_name
        self._clock = clock
        self._history = history
        self._figures = figures
        self._operations = generate(scenario, clock)
        self._writer: Writer | None = None
        self._sent = 0
        self._moments: list[int] = []
        self._reached: Callable[[int], None] = _nobody
        self._stopped = False
        self.writes: list[Write] = []
        self.refused = 0
        self.first_refusal = ""
        self.changes = sum(1 for o in self._operations if o.phase != "before")
        self.deleted = sum(1 for o in self._operations if o.kind == "delete")
        figures.to_write = len(self._operations)

    def open(self, aws: AwsAccess) -> None:
        """Connect to the endpoint."""
        self._writer = Writer(
            endpoint_url=aws.endpoint_url,
            region=aws.region,
            access_key=aws.access_key,
            secret_key=aws.secret_key,
            table_name=self._table_name,
            clock=self._clock,
            on_outcome=self._on_outcome,
        )

    def write(self, phase: Phase) -> int:
        """Send a phase's operations; returns how many there were.

        Raises:
            BackendError: all of them were refused.
        """
        return self._send([o for o in self._operations if o.phase == phase])

    def write_during(self, loading: Event) -> int:
        """Send half of the `during` operations at once, the rest when `loading` is set.

        So that some are made while the export is cut and some while its files are loaded.
        """
        operations = [o for o in self._operations if o.phase == "during"]
        half = len(operations) // 2
        count = self._send(operations[:half])
        loading.wait()
        if self._stopped:
            return count
        return count + self._send(operations[half:])

    def _send(self, operations: list[Operation]) -> int:
        assert self._writer is not None, "open() comes first"
        refused = self.refused
        for piece in self._pieces(operations):
            self._writer.write(piece)
        if operations and self.refused - refused == len(operations):
            raise BackendError(
                f"DynamoDB refused all {len(operations):,} writes; the first: {self.first_refusal}"
            )
        return len(operations)

    def pause_at(self, moments: Sequence[int], reached: Callable[[int], None]) -> None:
        """Call `reached` when so many changes (not those of the load) have been answered."""
        self._moments = list(moments)
        self._reached = reached

    def _pieces(self, operations: list[Operation]) -> Iterator[list[Operation]]:
        """The operations, cut where somebody wants to act between two of them."""
        if not self._moments or not operations or operations[0].phase == "before":
            yield operations
            return
        begin = 0
        for moment in [m for m in self._moments if m - self._sent <= len(operations)]:
            end = moment - self._sent
            if end > begin:
                yield operations[begin:end]
            begin = end
            self._moments.remove(moment)
            self._reached(moment)
        self._sent += len(operations)
        if begin < len(operations):
            yield operations[begin:]

    def stop(self) -> None:
        """Send nothing more; what is under way is still answered."""
        self._stopped = True
        if self._writer is not None:
            self._writer.stop()

    def close(self) -> None:
        """Stop, and close the connections."""
        self.stop()
        if self._writer is not None:
            self._writer.close()

    def _on_outcome(self, outcome: Outcome) -> None:
        operation = outcome.operation
        if outcome.result == "acked":
            self._figures.written += 1
        else:
            self.refused += 1
            self._figures.refused += 1
            self.first_refusal = self.first_refusal or outcome.error
        self.writes.append(
            Write(
                operation.number,
                operation.key,
                operation.kind,
                "" if operation.kind == "delete" else operation.marker,
                operation.counter,
                outcome.result,
            )
        )
        self._history.add(
            "write",
            number=operation.number,
            kind=operation.kind,
            phase=operation.phase,
            key=operation.key,
            id=operation.marker,
            counter=operation.counter,
            started_us=outcome.started_us,
            outcome=outcome.result,
            error=outcome.error,
        )
