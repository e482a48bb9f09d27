"""The mapping's settings, read from the JSON that the harness writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
"""Lambda's limit of a synchronous invocation's payload: a batch never grows beyond it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names and meanings are those of CreateEventSourceMapping, in snake case.

    Attributes:
        handler: `module:function`.
        source: `kinesis` or `dynamodb`.
        snapshot: `module:function` called once before the mapping is enabled; empty for none.
        maximum_retry_attempts: -1 retries until the record expires.
        maximum_record_age_in_seconds: -1 discards none for its age.
        on_failure: ARN of the destination for discarded batches; empty for none.
        filters: patterns as JSON text; none lets every record through.
        discarded_dir: folder that stands for the on-failure destination.
        poll_seconds: between two reads of a shard that had nothing.
        list_seconds: between two looks for new shards.
    """

    handler: str
    source: str = "kinesis"
    snapshot: str = ""
    function_name: str = "pipeline"
    starting_position: str = "TRIM_HORIZON"
    batch_size: int = 100
    maximum_batching_window_in_seconds: float = 0
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1
    maximum_record_age_in_seconds: float = -1
    bisect_batch_on_function_error: bool = False
    reports_batch_item_failures: bool = False
    on_failure: str = ""
    tumbling_window_in_seconds: int = 0
    filters: tuple[str, ...] = ()
    discarded_dir: str = "discarded"
    poll_seconds: float = 0.05
    list_seconds: float = 0.25


def settings_from(config: Mapping[str, Any]) -> Settings:
    """The settings that `config` holds.

    Raises:
        UsageError: a key is unknown, or `handler` is missing.
    """
    given = dict(config)
    types = given.pop("function_response_types", [])
    destination = given.pop("destination_config", None) or {}
    criteria = given.pop("filter_criteria", None) or {}
    known = {field.name for field in fields(Settings)}
    unknown = sorted(given.keys() - known)
    if unknown or "handler" not in given:
        wrong = f"unknown keys {', '.join(unknown)}" if unknown else "no handler"
        raise UsageError(f"the event-source mapping's config has {wrong}")
    return Settings(
        **given,
        reports_batch_item_failures="ReportBatchItemFailures" in types,
        on_failure=destination.get("on_failure", {}).get("destination", ""),
        filters=tuple(item["pattern"] for item in criteria.get("filters", [])),
    )
