"""What a scenario may say of the operator: who kills, reshards, exports and alters while it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.scenario.model_pipeline import Name, Part


class OnRequest(Part):
    """A request of the pipeline that an act waits for; it is held until the act has happened."""

    service: str = Field(default="", description="dynamodb, streams, kinesis, s3 or clickhouse")
    operation: Name = Field(description="e.g. 'GetRecords', 'INSERT'")
    subject: str = Field(default="*", description="shard, table or object, with * and ?")
    at: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="which of such, from 0; left out, the next one that comes"
    )
    effect: Literal["before", "after"] = Field(
        default="after", description="held before it takes effect, or before it is answered"
    )


class PlannedAct(Part):
    """One act, and the moment for it: exactly one of `phase`, `after_changes`, `on_request`."""

    act: Name = Field(description="name of an act, e.g. 'kill'; see docs/faults.md")
    settings: dict[str, Any] = Field(default_factory=dict, description="of the act")
    phase: Literal["snapshot", "changes", "settle", "settled"] | None = Field(
        default=None,
        description="when this phase begins; 'settled': the target has come to rest, and must again",
    )
    after_changes: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="when so many changes of the workload have been answered"
    )
    on_request: OnRequest | None = None
