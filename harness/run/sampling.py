"""Samples of FINAL while the pipeline runs: what each key showed, as far as it has changed.

    {"event": "sample", "shown": [[key, id], …], "gone": [key, …]}

A key is the list of its columns as text. A big target is sampled on a share of its keys, always the
same ones, and as seldom as it takes for looking not to become the load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from harness.clock import stopwatch
from harness.errors import BackendError
from harness.lookout import Lookout
from harness.run.target import Target, quote
from harness.scenario.ddl import key_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from threading import Event

    from harness.history import History
    from harness.scenario.model import Scenario

KEYS_MAX = 2_000
PAUSE_SECONDS = 0.25
SHARE_OF_TIME = 0.2
"""Of the target's time, at most, goes into looking at it."""


class Sampling:
    """Takes samples and notes what is new in each.

    Args:
        scenario: its markers say which write a row shows.
        read: runs a SELECT; gives rows of texts.
        note: told `sample` with its members.
    """

    def __init__(
        self,
        scenario: Scenario,
        read: Callable[[str], Iterable[Sequence[Any]]],
        note: Callable[..., None],
    ) -> None:
        self._read = read
        self._note = note
        self._last: dict[tuple[str, ...], str] = {}
        keys = [quote(name) for name in key_columns(scenario)]
        marker = scenario.workload.markers.id
        self._columns = ""
        if marker and keys and len(keys) == len(scenario.table.key_schema):
            kinds = {
                d.attribute_name: d.attribute_type for d in scenario.table.attribute_definitions
            }
            texts = [
                _text(key, kinds.get(part.attribute_name, ""))
                for key, part in zip(keys, scenario.table.key_schema, strict=True)
            ]
            self._columns = ", ".join([*texts, f"toString({quote(marker)})"])
        written = scenario.workload.items + scenario.workload.changes
        share = 1 + written // KEYS_MAX
        self._where = f" AND cityHash64({', '.join(keys)}) % {share} = 0" if share > 1 else ""

    def look(self, live: str, *, whole: bool = True) -> list[Sequence[Any]] | None:
        """The key and the write of each row of `live`, as of `take`; None where that cannot be told.

        Args:
            live: where live rows are selected from, WHERE included.
            whole: False looks at a share of the keys where there are many.
        """
        if not self._columns:
            return None
        where = "" if whole else self._where
        try:
            return list(self._read(f"SELECT {self._columns} FROM {live}{where}"))
        except (ClickHouseError, BackendError):
            # No such table yet, or not these columns.
            return None

    def take(self, live: str) -> None:
        """Look once at `live`, where live rows are selected from, WHERE included."""
        rows = self.look(live, whole=False)
        if rows is None:
            return
        now = {tuple(row[:-1]): row[-1] for row in rows}
        last = self._last
        shown = [[list(key), mark] for key, mark in now.items() if last.get(key) != mark]
        gone = [list(key) for key in last if key not in now]
        self._last = now
        if shown or gone:
            self._note("sample", shown=sorted(shown), gone=sorted(gone))


def _text(column: str, kind: str) -> str:
    """An expression for a key column's text: a binary key is shown in hex."""
    text = f"toString({column})"
    return f"if(isValidUTF8({text}), {text}, hex({text}))" if kind == "B" else text


class Sampler(Lookout):
    """Takes samples of a live run's target, on a thread and a connection of its own.

    Args:
        scenario: which target.
        url: of ClickHouse, past the gate.
        history: where samples go.
    """

    def __init__(self, scenario: Scenario, url: str, history: History) -> None:
        self._scenario = scenario
        self._url = url
        self._history = history
        super().__init__(self._look, "samples")

    def _look(self, ended: Event) -> None:
        try:
            target = Target(self._scenario, self._url)
        except ClickHouseError:
            # The run itself meets the same trouble, and says so better.
            return
        sampling = Sampling(self._scenario, target.texts, self._history.add)
        pause = 0.0
        while not ended.wait(max(PAUSE_SECONDS, pause)):
            seconds = stopwatch()
            try:
                sampling.take(target.live())
            except ClickHouseError:
                break
            pause = seconds() / SHARE_OF_TIME
        target.close()
