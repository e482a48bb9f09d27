"""The whole emulated AWS as one object: regions, S3, the long tail, and the app that serves them.

`Aws(clock).app` is served by `harness.web.server` or asked by `harness.web.inprocess`; its parts can
be looked at and driven directly by a stepped run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.gateway.app import Gateway
from harness.gateway.caller import ACCOUNT, DEFAULT_REGION
from harness.gateway.control import Control
from harness.gateway.region import Region
from harness.gateway.settings import AwsSettings
from harness.longtail import LongTail
from harness.objects.app import ObjectsApp
from harness.objects.store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.clock import Clock
    from harness.gateway.app import Emulator
    from harness.gateway.signature import KeyRing

REGIONS_MAX = 64
_REGION_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Aws:
    """One account's AWS.

    Args:
        clock: all time and chance.
        settings: to begin with.
        keys: when given, signatures are verified.
        control_secret: what `/_harness/…` asks for; empty asks for nothing.
        stepped: relays deliver only when told.

    Attributes:
        app: what answers requests.
        store: S3's buckets.
        long_tail: moto, loaded when first asked.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        settings: AwsSettings | None = None,
        keys: KeyRing | None = None,
        control_secret: str = "",
        stepped: bool = False,
    ) -> None:
        self.clock = clock
        self.store = ObjectStore(clock, ACCOUNT)
        self.long_tail = LongTail(account=ACCOUNT)
        self._settings = settings or AwsSettings()
        self._stepped = stepped
        self._regions: dict[str, Region] = {}
        control = Control(
            clock,
            stats=self.stats,
            settings=self,
            roll_stream=self.roll_stream,
            secret=control_secret,
        )
        self.app = Gateway(
            self._emulators,
            objects=ObjectsApp(self.store),
            long_tail=self.long_tail,
            control=control,
            keys=keys,
        )

    def region(self, name: str = DEFAULT_REGION) -> Region:
        """The emulators of a region, made when first asked for.

        A name that no region could have, or one too many, means the default region.
        """
        region = self._regions.get(name)
        if region is not None:
            return region
        if not _REGION_NAME.fullmatch(name) or len(self._regions) >= REGIONS_MAX:
            name = DEFAULT_REGION
        if name not in self._regions:
            self._regions[name] = Region(
                self.clock, name, ACCOUNT, self.store, self._settings, stepped=self._stepped
            )
        return self._regions[name]

    def stats(self) -> dict[str, Any]:
        """The counts of all regions together, and the objects in S3."""
        total: dict[str, Any] = {"kinesis_records_put": 0, "kinesis_records_read": 0}
        for region in self._regions.values():
            for name, count in region.stats().items():
                total[name] = total.get(name, 0) + count
        total["objects"] = sum(len(bucket.objects) for bucket in self.store.buckets())
        return total

    @property
    def settings(self) -> AwsSettings:
        """The settings in force."""
        return self._settings

    def apply(self, settings: AwsSettings) -> None:
        """Put other settings in force, in every region."""
        self._settings = settings
        for region in self._regions.values():
            region.apply(settings)

    def roll_stream(
        self, stream_arn: str, shard_id: str | None = None, *, children: int = 1
    ) -> list[str]:
        """Close an open shard of a DynamoDB stream for 1 or 2 children; returns their ids.

        Raises:
            AwsError: no such stream or open shard.
        """
        region = stream_arn.split(":")[3] if stream_arn.count(":") > 3 else DEFAULT_REGION
        return self.region(region).streams.roll(stream_arn, shard_id, children=children)

    def _emulators(self, region: str) -> Mapping[str, Emulator]:
        return self.region(region).emulators
