"""What a scenario may say: the TOML file's shape, with AWS's parameter names in snake case.

The model only holds what was written plus defaults; `harness.scenario.load` reads files and turns
every mistake into one line that names file and key, and `harness.scenario.rules` checks what holds
between keys (key attributes in the template, column types against attribute types, ...).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from harness.scenario.model_operator import PlannedAct
from harness.scenario.model_pipeline import Name, Part, Pipeline

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class KeyPart(Part):
    """One element of the primary key."""

    attribute_name: Name
    key_type: Literal["HASH", "RANGE"]


class AttributeDefinition(Part):
    """Type of a key attribute."""

    attribute_name: Name
    attribute_type: Literal["S", "N", "B"]


class TimeToLive(Part):
    """DynamoDB's time to live: a number attribute with the epoch second of expiry."""

    attribute_name: Name
    enabled: bool = Field(default=True, description="false: an operator enables it later")


class Table(Part):
    """The source table, in the words of CreateTable."""

    table_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{3,255}$")]
    key_schema: Annotated[list[KeyPart], Field(min_length=1, max_length=2)]
    attribute_definitions: list[AttributeDefinition]
    stream_view_type: (
        Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None
    ) = Field(default=None, description="when set, DynamoDB Streams is enabled too")
    time_to_live: TimeToLive | None = None


class Stream(Part):
    """The Kinesis data stream and the table's streaming destination to it."""

    stream_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")] | None = Field(
        default=None, description="default: the table's name followed by -cdc"
    )
    shard_count: Annotated[int, Field(ge=1, le=256)] = 2
    approximate_creation_date_time_precision: Literal["MILLISECOND", "MICROSECOND"] = "MICROSECOND"


class Snapshot(Part):
    """The S3 export that the pipeline starts from."""

    export: bool = True
    export_format: Literal["DYNAMODB_JSON", "ION"] = "DYNAMODB_JSON"
    s3_prefix: str = "export"
    data_files: Annotated[int, Field(ge=1, le=256)] = 4


class Provider(Part):
    """How the value of one attribute is drawn.

    Exactly one of `faker`, `value`, `choice`, `sequence`, `fields`, `items` says where it comes
    from; `type` is the DynamoDB type it is stored as (inferred when left out).
    """

    type: Literal["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"] | None = None
    faker: str | None = Field(
        default=None, description="name of a faker provider, e.g. 'first_name'"
    )
    args: dict[str, Any] = Field(default_factory=dict, description="arguments of the provider")
    value: Any = Field(default=None, description="always this value")
    choice: list[Any] | None = Field(default=None, description="one of these values")
    sequence: str | None = Field(default=None, description="'u-{n}': n counts the items from 0")
    fields: dict[str, Provider | str] | None = Field(
        default=None, description="a map of further attributes"
    )
    items: Provider | str | None = Field(
        default=None, description="a list or set of values drawn like this"
    )
    length: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [1, 3], description="least and most members of `items`"
    )
    optional: Share = Field(default=0.0, description="share of images that lack the attribute")
    null: Share = Field(default=0.0, description="share of images where it is NULL")


class Mix(Part):
    """Weights of the kinds of change; they need not add up to one."""

    insert: Annotated[float, Field(ge=0)] = 0.2
    replace: Annotated[float, Field(ge=0)] = Field(
        default=0.2, description="PutItem over a live item"
    )
    update: Annotated[float, Field(ge=0)] = Field(
        default=0.4, description="UpdateItem SET/REMOVE/ADD"
    )
    delete: Annotated[float, Field(ge=0)] = 0.15
    reinsert: Annotated[float, Field(ge=0)] = Field(
        default=0.05, description="PutItem of a deleted key"
    )


class Keys(Part):
    """Which live key the next change meets."""

    distribution: Literal["uniform", "zipf", "hot"] = "uniform"
    hot_keys: Positive = Field(default=1, description="with 'hot': how many are hot")
    hot_share: Share = Field(default=0.8, description="with 'hot': share of changes they meet")


class Markers(Part):
    """Attributes in each item that name the write it came from; empty strings turn them off."""

    id: str = "_w"
    counter: str = "_n"


class Workload(Part):
    """Who writes what, and when."""

    items: Count = Field(default=1000, description="items written before the export")
    changes: Count = Field(default=2000, description="changes after the export was requested")
    during_snapshot: Share = Field(default=0.25, description="share of changes made as it loads")
    mix: Mix = Field(default_factory=Mix)
    keys: Keys = Field(default_factory=Keys)
    burst: Annotated[int, Field(ge=1)] = Field(
        default=1, description="changes of one key sent at once, several in one millisecond"
    )
    burst_share: Share = Field(default=0.0, description="share of the changes in such bursts")
    markers: Markers = Field(default_factory=Markers)
    from_export: str | None = Field(
        default=None, description="folder of a DynamoDB export: the items"
    )
    from_records: str | None = Field(
        default=None, description="JSON lines of captured change records"
    )


class Column(Part):
    """One column of the target and the attribute it shows."""

    type: Name
    attribute: str | None = Field(
        default=None, description="attribute path; default: the column's name"
    )


class Deleted(Part):
    """How a deleted item looks in the target: one of the three; without any, `is_deleted` is 1."""

    column: str | None = Field(default=None, description="a UInt8 column that is 1")
    predicate: str | None = Field(default=None, description="a SQL condition that is true")
    absent: bool = Field(default=False, description="the row is gone")


class Target(Part):
    """The ClickHouse table that must equal the source."""

    database: Name = "default"
    table: Name
    columns: Annotated[dict[str, Column | str], Field(min_length=1)] = Field(
        description="column name to type, or to {type, attribute}"
    )
    order_by: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="default: the columns of the primary key"
    )
    version: str = "version"
    version_type: str = "UInt64"
    deleted: Deleted = Field(default_factory=lambda: Deleted(column="is_deleted"))
    partition_by: str | None = None
    engine: str | None = Field(
        default=None, description="default: ReplacingMergeTree(version, is_deleted)"
    )
    settings: dict[str, str | int] = Field(default_factory=dict, description="table settings")
    ddl: list[str] = Field(
        default_factory=list,
        description="statements instead of the derived CREATE TABLE; empty with created_by pipeline",
    )
    created_by: Literal["scenario", "pipeline"] = "scenario"
    view: str | None = Field(default=None, description="a SELECT to compare instead of table FINAL")


class PlannedFault(Part):
    """A fault and the requests of the pipeline that meet it, in a live run."""

    fault: Name = Field(description="name of a fault, e.g. 'error-after'; see docs/faults.md")
    settings: dict[str, Any] = Field(default_factory=dict, description="of the fault")
    service: str = Field(default="", description="dynamodb, streams, kinesis, s3 or clickhouse")
    operation: str = Field(default="", description="e.g. 'GetRecords', 'INSERT'")
    subject: str = Field(default="*", description="shard, table or object, with * and ?")
    at: list[Count] = Field(default=[], description="which of such requests, from 0")
    probability: Share = Field(default=1.0, description="chance of each, drawn from the seed")
    attempts: Positive = Field(default=1, description="how many tries of one request are hit")
    times_max: Positive = 1_000_000


class Faults(Part):
    """What goes wrong between the pipeline and its servers, in a live run."""

    plan: list[PlannedFault] = Field(default_factory=list)
    breaks_promises: bool = Field(default=False, description="allow what services promise never")


class Relay(Part):
    """How DynamoDB's streaming destination treats changes (see dynamodb/relay.py); calm if unset."""

    duplicate_probability: Share = 0.0
    copies_max: Annotated[int, Field(ge=2, le=100)] = 2
    reorder_window: Positive = Field(default=1, description="how many wait to change places")
    delay_ms_min: Annotated[float, Field(ge=0)] = 0.0
    delay_ms_max: Annotated[float, Field(ge=0)] = 0.0
    burst: Positive = Field(default=1, description="so many wait, then leave together")
    hold_ms: Annotated[float, Field(ge=0)] = Field(default=200.0, description="longest such wait")


class Stepped(Part):
    """What the scheduler of a stepped run may do."""

    steps_max: Positive = 500
    faults: list[Name] = Field(
        default=["error-before", "error-after", "lost-answer", "throttle"],
        description="a held request may meet these",
    )
    faults_max: Count = 4
    kills_max: Count = 2
    zombies_max: Count = Field(default=0, description="instances started beside a running one")
    reshards_max: Count = 1
    exports_max: Count = Field(default=0, description="exports beside the first")
    outages_max: Count = Field(
        default=0, description="times that the retention passes while the pipeline is down"
    )
    lost_checkpoints_max: Count = 0
    stops_max: Count = Field(default=0, description="graceful ends: told to, with ten seconds")
    rollbacks_max: Count = Field(default=0, description="times that older positions come back")
    alters_max: Count = Field(default=0, description="columns added to the target, or altered")
    truncates_max: Count = Field(default=0, description="times that the target is emptied")
    incremental_exports_max: Count = Field(default=0, description="exports that nobody reads")
    destination_outages_max: Count = Field(
        default=0, description="times that the streaming destination is disabled for a while"
    )
    gaps_max: Count = Field(
        default=0,
        description="times that the destination is off for a while, and then a new export is taken",
    )
    precision_changes_max: Count = Field(
        default=0, description="times that the destination's time stamps get another unit"
    )
    clock_steps_max: Count = Field(
        default=0, description="times that AWS's clock is set back by two seconds"
    )
    storms_max: Annotated[int, Field(ge=0, le=1)] = Field(
        default=0, description="1: time to live may be enabled on what has expired already"
    )
    copies_max: Count = Field(default=3, description="duplicates that the relay delivers")
    reorder_window: Positive = Field(default=4, description="how many may be delivered next")


class Expectation(Part):
    """A failure that is wanted: the pipeline must fail these checks, or the run fails."""

    pipeline: Name
    fails: Annotated[list[str], Field(min_length=1)]


class Settle(Part):
    """When a run counts as settled."""

    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    quiet_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0.5, description="how long the target must stay equal to the source"
    )
    stall_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=10.0,
        description="a target that differs and has not changed for so long has come to rest",
    )
    lag_seconds_max: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None, description="longest time a record may wait in the stream, in a live run"
    )


class Servers(Part):
    """What stands for AWS and for ClickHouse, unless the command line says otherwise.

    No URLs: where a run may write, and with whose keys, is for who runs it to say.
    """

    aws: Annotated[str, Field(pattern=r"^(|embedded|localstack(:[\w.-]{1,128})?)$")] = Field(
        default="", description="'embedded', 'localstack' or 'localstack:TAG'"
    )
    clickhouse: Annotated[str, Field(pattern=r"^(|(embedded|container)(:[\w.-]{1,128})?)$")] = (
        Field(default="", description="'embedded[:VERSION]' or 'container[:TAG]'")
    )


class Scenario(Part):
    """One story: a table, what is written, how it travels, where it must arrive."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    description: Name
    guards: str = Field(default="", description="the bug that this scenario guards against")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    table: Table
    item: Annotated[dict[str, Provider | str], Field(min_length=1)] = Field(
        description="attribute name to provider; a bare string is a faker provider"
    )
    stream: Stream = Field(default_factory=Stream)
    snapshot: Snapshot = Field(default_factory=Snapshot)
    workload: Workload = Field(default_factory=Workload)
    target: Target
    pipeline: Pipeline = Field(default_factory=Pipeline)
    backends: Servers = Field(default_factory=Servers)
    settle: Settle = Field(default_factory=Settle)
    faults: Faults = Field(default_factory=Faults)
    operator: list[PlannedAct] = Field(
        default_factory=list, description="what the operator of a live run does, and when"
    )
    relay: Relay = Field(default_factory=Relay)
    stepped: Stepped = Field(default_factory=Stepped)
    expect: list[Expectation] = Field(default_factory=list)
    sightings: list[str] = Field(
        default_factory=list, description="what a run must have met to prove anything"
    )
    _folder: Path = PrivateAttr(default_factory=Path)
    _origin: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path:
        """Where `workload.from_export` and `from_records` are looked up: the file's folder."""
        return self._folder

    @property
    def origin(self) -> Path:
        """Folder of the file that says all this; a repro names the scenario's folder in it."""
        return self._folder if self._origin is None else self._origin

    def keep_folder(self, folder: Path, *, origin: Path | None = None) -> None:
        """Remember the folder that the scenario was read from, and who said so."""
        self._folder, self._origin = folder, origin
