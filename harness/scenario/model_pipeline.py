"""What a scenario may say of the pipeline under test, and what every part of a scenario is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(min_length=1, max_length=255)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$")]
"""`module:name`, as Python imports it from the scenario's folder."""


class Part(BaseModel):
    """A table of the file: unknown keys are refused, values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Filter(Part):
    """One pattern of a filter."""

    pattern: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        description="JSON, as AWS takes it"
    )


class FilterCriteria(Part):
    """Which records reach the function: those that match any of the patterns."""

    filters: Annotated[list[Filter], Field(min_length=1, max_length=10)]


class OnFailure(Part):
    """Where discarded batches are told."""

    destination: Annotated[
        str, Field(pattern=r"^arn:aws[a-z-]*:(sqs|s3):[a-z0-9-]*:\d*:[A-Za-z0-9][A-Za-z0-9._-]*$")
    ] = Field(description="ARN of a queue or a bucket; the run directory keeps what it gets")


class DestinationConfig(Part):
    """What happens to a batch that is given up."""

    on_failure: OnFailure


class Lambda(Part):
    """A Python handler and its event-source mapping, in the words of CreateEventSourceMapping."""

    handler: Reference
    source: Literal["kinesis", "dynamodb"] = "kinesis"
    snapshot: Reference | None = Field(
        default=None, description="called once, before the mapping is enabled, to load the export"
    )
    function_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")] = "pipeline"
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    maximum_batching_window_in_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    maximum_retry_attempts: Annotated[int, Field(ge=-1, le=10_000)] = -1
    maximum_record_age_in_seconds: Annotated[int, Field(ge=-1, le=604_800)] = -1
    bisect_batch_on_function_error: bool = False
    function_response_types: list[Literal["ReportBatchItemFailures"]] = Field(default_factory=list)
    destination_config: DestinationConfig | None = None
    tumbling_window_in_seconds: Annotated[int, Field(ge=0, le=900)] = 0
    filter_criteria: FilterCriteria | None = None


class Scaling(Part):
    """The size of a ClickPipe, which bounds its messages and its batches."""

    replicas: Annotated[int, Field(ge=1, le=10)] = 1
    replica_cpu_millicores: Annotated[int, Field(ge=125, le=2000)] = 125
    replica_memory_gb: Annotated[float, Field(ge=0.5, le=8.0)] = 0.5


_SHIPPED = ("clickpipes", "clickpipes-efo", "clickpipes-streams", "guide")


class Pipeline(Part):
    """What is under test.

    `name` is a pipeline that ships (`clickpipes`, `guide`, a mutant), or a label for `command`,
    `lambda` or `python`, of which there is one at most.
    """

    name: Name = "clickpipes"
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the pipeline's own settings"
    )
    scaling: Scaling | None = Field(
        default=None, description="size of the ClickPipe, in the provider's words"
    )
    command: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="a program and its arguments, started in the scenario's folder"
    )
    lambda_: Lambda | None = Field(
        default=None, alias="lambda", description="a handler behind an event-source mapping"
    )
    python: Reference | None = Field(
        default=None, description="'module:Class or function', found from the scenario's folder"
    )
    env: dict[str, str | int] = Field(
        default_factory=dict, description="environment variables beside the contract's"
    )

    @model_validator(mode="before")
    @classmethod
    def _label(cls, given: Any) -> Any:
        """Own code without a name is called by its kind, so that no report says `clickpipes`.

        Nor where `--set pipeline.command=…` puts it into a scenario that names a pipeline: then
        `--pipeline clickpipes` must still mean what ships.
        """
        if isinstance(given, dict) and given.get("name", "clickpipes") in _SHIPPED:
            kinds = [kind for kind in ("command", "lambda", "python") if kind in given]
            if kinds:
                return {**given, "name": kinds[0]}
        return given

    @property
    def is_own_code(self) -> bool:
        """True when the scenario brings the code that runs."""
        return not (self.command is None and self.lambda_ is None and self.python is None)
