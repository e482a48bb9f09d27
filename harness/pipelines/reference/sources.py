"""The reference sync with another reader: the same pipe by enhanced fan-out, and by DynamoDB Streams.

`clickpipes` polls Kinesis unless its config says otherwise; these two names say it, so that any
scenario can be run with each source: `harness run quickstart --pipeline clickpipes-efo`. DynamoDB
Streams must be enabled: `--pipeline clickpipes-streams --set table.stream_view_type=NEW_AND_OLD_IMAGES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClickPipesFanOut(ClickPipes):
    """Kinesis by enhanced fan-out."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        source = dict(config.get("source") or {})
        source["kinesis"] = {**(source.get("kinesis") or {}), "use_enhanced_fan_out": True}
        source.pop("dynamodb_streams", None)
        super().__init__({**config, "source": source})


class ClickPipesStreams(ClickPipes):
    """DynamoDB Streams instead of Kinesis."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        source = dict(config.get("source") or {})
        kinesis = source.pop("kinesis", None) or {}
        start = {name: kinesis.get(name) for name in ("iterator_type", "timestamp")}
        source["dynamodb_streams"] = source.get("dynamodb_streams") or start
        super().__init__({**config, "source": source})
