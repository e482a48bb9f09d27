"""What an operator does to a live run, as data: names, settings, what each means in production.

Who carries them out is `harness.run.operator_acts`. An act that leaves a loss which no pipeline can
repair by itself breaks a promise, and a plan must allow it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import UsageError, nearest
from harness.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Act:
    """One act; its fields are its settings.

    `export_repairs`: what it loses, a later export brings back; `may_go_back`: a negative setting
    has a meaning.
    """

    name: ClassVar[str] = ""
    breaks_promise: ClassVar[bool] = False
    export_repairs: ClassVar[bool] = False
    may_go_back: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Kill(Act):
    """The pipeline is killed as by `kill -9`: a lost node, an out-of-memory kill.

    Attributes:
        start: it is started again at once.
    """

    start: bool = True

    name: ClassVar[str] = "kill"


@dataclass(frozen=True, slots=True)
class Start(Act):
    """A pipeline that is down is started."""

    name: ClassVar[str] = "start"


@dataclass(frozen=True, slots=True)
class Restart(Act):
    """The pipeline is told to end (SIGTERM, ten seconds) and started again: a deployment."""

    name: ClassVar[str] = "restart"


@dataclass(frozen=True, slots=True)
class Pause(Act):
    """The pipeline stands still (SIGSTOP): a long pause of its runtime, a frozen virtual machine."""

    name: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resume(Act):
    """A pipeline that stood still goes on where it stood (SIGCONT), and knows nothing of it."""

    name: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class SecondInstance(Act):
    """Another instance is started beside the one that runs or stands still: a zombie's rival.

    Both have the same environment and the same state folder.
    """

    name: ClassVar[str] = "second-instance"


@dataclass(frozen=True, slots=True)
class CatchUp(Act):
    """Nothing is done until the pipeline has read what is on the stream and the target is quiet.

    Attributes:
        seconds: at most so long; then the plan goes on.
    """

    seconds: float = 10.0

    name: ClassVar[str] = "catch-up"


@dataclass(frozen=True, slots=True)
class LoseCheckpoints(Act):
    """The pipeline is killed, its state folder and its checkpoint tables are emptied, it starts."""

    name: ClassVar[str] = "lose-checkpoints"


@dataclass(frozen=True, slots=True)
class SaveCheckpoints(Act):
    """What the pipeline keeps of its position is copied, for `roll-back-checkpoints`."""

    name: ClassVar[str] = "save-checkpoints"


@dataclass(frozen=True, slots=True)
class RollBackCheckpoints(Act):
    """The pipeline is killed, the saved positions come back, it starts: a restored backup."""

    name: ClassVar[str] = "roll-back-checkpoints"


@dataclass(frozen=True, slots=True)
class Split(Act):
    """An open shard is split in the middle of its range.

    Attributes:
        place: which of the open shards, from 0, by hash range.
    """

    place: int = 0

    name: ClassVar[str] = "split"


@dataclass(frozen=True, slots=True)
class Merge(Act):
    """Two neighbouring open shards are merged.

    Attributes:
        place: the first of the two, from 0, by hash range.
    """

    place: int = 0

    name: ClassVar[str] = "merge"


@dataclass(frozen=True, slots=True)
class UpdateShardCount(Act):
    """The stream is scaled to so many shards of equal ranges.

    Attributes:
        count: how many; AWS takes no more than twice and no less than half of what there is.
    """

    count: int = 4

    name: ClassVar[str] = "update-shard-count"


@dataclass(frozen=True, slots=True)
class SecondExport(Act):
    """The table is exported again while it is written to; the next start is given this export.

    Attributes:
        restart: the pipeline is told to end and started with it.
    """

    restart: bool = True

    name: ClassVar[str] = "second-export"


@dataclass(frozen=True, slots=True)
class IncrementalExport(Act):
    """An incremental export of the last minutes is written beside the full one; nobody reads it."""

    name: ClassVar[str] = "incremental-export"


@dataclass(frozen=True, slots=True)
class TruncateTarget(Act):
    """The target is emptied by mistake: what is not written again stays lost."""

    name: ClassVar[str] = "truncate-target"
    breaks_promise: ClassVar[bool] = True
    export_repairs: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AddColumn(Act):
    """A column is added to the target that the pipeline does not know.

    Attributes:
        column: its name.
        type: its type.
    """

    column: str = "added_later"
    type: str = "Nullable(String)"

    name: ClassVar[str] = "add-column"


@dataclass(frozen=True, slots=True)
class DropColumn(Act):
    """A column of the target is dropped under the pipeline.

    Attributes:
        column: its name.
    """

    column: str = ""

    name: ClassVar[str] = "drop-column"
    breaks_promise: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ChangeType(Act):
    """The source changes the type of an attribute: an item is written with a text in its place.

    Attributes:
        attribute: which one.
        text: what it holds now.
    """

    attribute: str = ""
    text: str = "not a number"

    name: ClassVar[str] = "change-type"
    breaks_promise: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RecreateTable(Act):
    """The source table is deleted and made again under its name, with its destination.

    Deleting a table sends no REMOVE: only a new export can tell that its items are gone.
    """

    name: ClassVar[str] = "recreate-table"
    breaks_promise: ClassVar[bool] = True
    export_repairs: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DestinationOff(Act):
    """The streaming destination is disabled: changes made from now on never reach the stream."""

    name: ClassVar[str] = "destination-off"
    breaks_promise: ClassVar[bool] = True
    export_repairs: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DestinationOn(Act):
    """The streaming destination is enabled again."""

    name: ClassVar[str] = "destination-on"


@dataclass(frozen=True, slots=True)
class ChangePrecision(Act):
    """The destination's time stamps get another unit: records before and after it are on one stream.

    Attributes:
        precision: MILLISECOND or MICROSECOND; AWS refuses the one that is in force.
    """

    precision: str = "MILLISECOND"

    name: ClassVar[str] = "change-precision"


@dataclass(frozen=True, slots=True)
class EnableTimeToLive(Act):
    """Time to live is enabled on a table full of expired items: a storm of deletes by the service.

    The attribute is the one of `[table.time_to_live]`, which says `enabled = false`.
    """

    name: ClassVar[str] = "enable-time-to-live"


@dataclass(frozen=True, slots=True)
class ForeignRecords(Act):
    """Another producer puts records into the stream that are no change records.

    Attributes:
        count: how many.
        data: what each holds.
    """

    count: int = 1
    data: str = "not a change record"

    name: ClassVar[str] = "foreign-records"


@dataclass(frozen=True, slots=True)
class ClockStep(Act):
    """AWS's clock goes on by so much at once: iterators expire, items outlive their time.

    Or it is set back, as a machine's clock is when it is corrected: stamps stand still until it has
    caught up with itself, so that every change until then carries the same one.

    Attributes:
        seconds: by how much; a negative number sets it back.
    """

    seconds: float = 600.0

    name: ClassVar[str] = "clock-step"
    may_go_back: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ServerRestart(Act):
    """ClickHouse's process ends and comes back on its port and its data.

    Connections, sessions, temporary tables and statements under way are gone.
    """

    name: ClassVar[str] = "restart-clickhouse"


@dataclass(frozen=True, slots=True)
class DropConnections(Act):
    """Every connection of the pipeline to AWS is cut, with the requests under way on it."""

    name: ClassVar[str] = "drop-connections"


acts: Registry[type[Act]] = Registry("act")
for _act in (
    Kill, Start, Restart, Pause, Resume, SecondInstance, CatchUp, LoseCheckpoints, SaveCheckpoints,
    RollBackCheckpoints, Split, Merge, UpdateShardCount, SecondExport, IncrementalExport,
    TruncateTarget, AddColumn, DropColumn, ChangeType, RecreateTable, DestinationOff,
    DestinationOn, ChangePrecision, EnableTimeToLive, ForeignRecords, ClockStep, ServerRestart, DropConnections,
):  # fmt: skip
    acts.add(_act.name, _act)


def make_act(name: str, settings: Mapping[str, Any] | None = None) -> Act:
    """An act by name with its settings.

    Raises:
        UsageError: no such act, no such setting, or a value of another type.
    """
    kind: Any = acts.get(name)
    known = {f.name: f for f in fields(kind)}
    for key, value in (settings or {}).items():
        if key not in known:
            hint = nearest(key, known) if known else "it has none"
            raise UsageError(f"act {name!r} has no setting {key!r}", hint=hint)
        default: Any = known[key].default
        if type(value) is not type(default) and not (type(default) is float and type(value) is int):
            wanted = type(default).__name__
            raise UsageError(f"act {name!r}: {key} must be {wanted}, not {value!r}")
        if isinstance(value, int | float) and value < 0 and not kind.may_go_back:
            raise UsageError(f"act {name!r}: {key} must not be negative: {value!r}")
    made: Act = kind(**(settings or {}))
    return made
