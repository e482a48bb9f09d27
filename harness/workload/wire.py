"""DynamoDB requests by botocore whose bodies are ready-made: signed and kept alive by it, not built.

Operations are in wire form already. Handing them to boto3 as parameters would decode binary,
validate, and walk every attribute again, which costs more than the request itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from botocore.exceptions import EndpointConnectionError as CannotConnect
from botocore.session import Session

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "PutItem": ("put_item", {"TableName": "-"}),
    "UpdateItem": ("update_item", {"TableName": "-"}),
    "DeleteItem": ("delete_item", {"TableName": "-"}),
    "BatchWriteItem": ("batch_write_item", {"RequestItems": {}}),
    "TransactWriteItems": ("transact_write_items", {"TransactItems": []}),
}
"""Operation to botocore's method and the parameters by which botocore looks for its endpoint; the
body takes their place."""

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
THROTTLES = frozenset(
    {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}
    | {"TransactionInProgressException", "TransactionConflictException"}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request.

    Attributes:
        kind: `done`; `refused`, nothing was written; `throttled`, nothing was written, try again;
            `unknown`, it may have been written.
        body: the answer of a request that was done, or the error's own body.
        error: code and sentence; empty when it was done.
    """

    kind: Literal["done", "refused", "throttled", "unknown"]
    body: dict[str, Any]
    error: str = ""


class DynamoDbWire:
    """A thread-safe client that sends bodies as they are.

    Args:
        endpoint_url: where DynamoDB is.
        region: AWS region.
        access_key: AWS access key id.
        secret_key: AWS secret access key.
        connections: connections kept alive; one a thread.
    """

    def __init__(
        self, endpoint_url: str, region: str, access_key: str, secret_key: str, *, connections: int
    ) -> None:
        self._client: Any = Session().create_client(
            "dynamodb",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                # A retry must be the writer's decision: an ADD that was applied must not be again.
                retries={"total_max_attempts": 1, "mode": "standard"},
                parameter_validation=False,
                max_pool_connections=connections,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                tcp_keepalive=True,
                disable_request_compression=True,
            ),
        )
        self._current = threading.local()
        self._client.meta.events.register("before-call.dynamodb", self._put_body)

    def _put_body(self, params: dict[str, Any], **_: object) -> None:
        params["body"] = self._current.body

    def send(self, operation: str, body: dict[str, Any]) -> Reply:
        """Send one request and say what became of it; never raises for an answer of the service."""
        self._current.body = orjson.dumps(body)
        try:
            method, parameters = METHODS[operation]
            return Reply("done", getattr(self._client, method)(**parameters))
        except ClientError as error:
            return _refusal(error)
        except (CannotConnect, ConnectTimeoutError) as error:
            return Reply("throttled", {}, f"{type(error).__name__}: {error}")
        except BotoCoreError as error:
            return Reply("unknown", {}, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _refusal(error: ClientError) -> Reply:
    answer: dict[str, Any] = dict(error.response)
    code = answer.get("Error", {}).get("Code", "")
    text = f"{code}: {answer.get('Error', {}).get('Message', '')}"
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLES:
        return Reply("throttled", answer, text)
    return Reply("unknown" if status >= 500 else "refused", answer, text)
