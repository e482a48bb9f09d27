"""boto3 clients of one endpoint, made when first asked for."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.backends.endpoints import AwsAccess

Item = dict[str, Any]


class AwsClients:
    """Clients by service name; boto3 is imported with the first.

    Args:
        access: where AWS is and who asks.
    """

    def __init__(self, access: AwsAccess) -> None:
        self.access = access
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def __getitem__(self, service: str) -> Any:
        """The client of `service`, e.g. `dynamodbstreams`."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        access = self.access
        if self._session is None:
            self._session = boto3.Session(
                aws_access_key_id=access.access_key,
                aws_secret_access_key=access.secret_key,
                region_name=access.region,
            )
        config = Config(
            retries={"max_attempts": 3, "mode": "standard"},
            parameter_validation=False,
            max_pool_connections=16,
            s3={"addressing_style": "path"},
        )
        return self._session.client(service, endpoint_url=access.endpoint_url, config=config)


def made_in(region: str) -> dict[str, Any]:
    """What CreateBucket is told of the region; us-east-1 alone must not be named."""
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def wire_item(item: Item, number: Callable[[str], str] = str) -> Item:
    """An item of boto3 in wire form: boto3 decodes base64, the wire has it encoded.

    Args:
        item: as boto3's client gives it.
        number: makes the text of a number that is wanted of the one that the endpoint gave.
    """
    return {name: _wire_value(value, number) for name, value in item.items()}


def _wire_value(attribute: dict[str, Any], number: Callable[[str], str]) -> dict[str, Any]:
    kind, value = next(iter(attribute.items()))
    match kind:
        case "N":
            return {"N": number(value)}
        case "NS":
            return {"NS": [number(member) for member in value]}
        case "B":
            return {"B": _base64(value)}
        case "BS":
            return {"BS": [_base64(member) for member in value]}
        case "M":
            return {"M": {name: _wire_value(member, number) for name, member in value.items()}}
        case "L":
            return {"L": [_wire_value(member, number) for member in value]}
        case _:
            return attribute


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
