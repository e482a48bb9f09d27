"""What can be switched while the emulators run: one dataclass for each part, read and changed as JSON.

    {"kinesis": {"throttled": false, …}, "relay": {"duplicate_probability": 0.0, …}, …}

Each part's dataclass says what its settings mean; unknown names and wrong types are refused whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from harness.dynamodb.destination import SHORT, Timings
from harness.dynamodb.engine import Settings as ItemSettings
from harness.dynamodb.export import ExportSettings
from harness.dynamodb.relay import CALM, Behaviour
from harness.dynamodb.streams_shards import StreamSettings
from harness.errors import UsageError, nearest
from harness.kinesis.settings import Settings as KinesisSettings


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Every setting of the emulators.

    Attributes:
        dynamodb: the item engine.
        streams: DynamoDB Streams enabled from now on.
        kinesis: throttles and durations.
        destination: how long a streaming destination takes for each change of its status.
        relay: how change records travel from a table to a Kinesis stream.
        export: how exports are cut and laid out.
    """

    dynamodb: ItemSettings = field(default_factory=ItemSettings)
    streams: StreamSettings = field(default_factory=StreamSettings)
    kinesis: KinesisSettings = field(default_factory=KinesisSettings)
    destination: Timings = SHORT
    relay: Behaviour = CALM
    export: ExportSettings = field(default_factory=ExportSettings)

    def as_json(self) -> dict[str, Any]:
        """Every part's settings by name."""
        return asdict(self)

    def changed(self, wish: dict[str, Any]) -> AwsSettings:
        """These settings with those of `wish` in their place.

        Args:
            wish: part to name to value; what is not named stays.

        Raises:
            UsageError: an unknown part or name, or a value that the setting cannot take.
        """
        parts: dict[str, Any] = {}
        known = [one.name for one in fields(self)]
        for part, values in wish.items():
            if part not in known:
                raise UsageError(
                    f"unknown part {part!r} of the settings", hint=nearest(part, known)
                )
            if not isinstance(values, dict):
                raise UsageError(f"settings of {part!r} must be an object, not {values!r}")
            parts[part] = _changed(part, getattr(self, part), values)
        return replace(self, **parts)


def _changed(part: str, settings: Any, values: dict[str, Any]) -> Any:
    # Imported here: only a change of settings needs it, and it is slow to import.
    from pydantic import TypeAdapter, ValidationError

    names = [one.name for one in fields(settings)]
    for name in values:
        if name not in names:
            raise UsageError(f"unknown setting {part}.{name}", hint=nearest(name, names))
    try:
        return TypeAdapter(type(settings)).validate_python({**asdict(settings), **values})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in (part, *first["loc"]))
        raise UsageError(f"{where}: {first['msg']}, not {first['input']!r}") from None
    except ValueError as error:
        raise UsageError(f"{part}: {error}") from None
