"""DynamoDB requests by botocore whose bodies are ready-made: signed and kept alive by it, not built.

Operations are in wire form already. Handing them to boto3 as parameters would decode binary,
validate, and walk every attribute again, which costs more than the request itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from botocore.exceptions import EndpointConnectionError as CannotConnect
from botocore.session import Session

from harness.workload.pipelined import Answer, send_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        self._client = _client(endpoint_url, region, access_key, secret_key, connections)
        self._current = threading.local()
        self._client.meta.events.register("before-call.dynamodb", self._put_body)
        self._client.meta.events.register("before-send.dynamodb", self._keep_request)
        self._plain = endpoint_url.startswith("http://")

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

    def send_together(self, requests: Sequence[tuple[str, dict[str, Any]]]) -> list[Reply]:
        """Send requests back to back, without waiting for answers where the endpoint is plain HTTP.

        Each is sent once: sending one again would put it behind those that came after it.
        """
        if not self._plain:
            return [self.send(*request) for request in requests]
        signed = [self._signed(*request) for request in requests]
        answers, closed = send_together(signed)
        replies = [_reply(answer) for answer in answers]
        for request in requests[len(replies) :]:
            lost = Reply("unknown", {}, "the connection ended before the answer")
            replies.append(self.send(*request) if closed else lost)
        return replies

    def _signed(self, operation: str, body: dict[str, Any]) -> AWSPreparedRequest:
        """The request as it would be sent."""
        kept: list[AWSPreparedRequest] = []
        self._current.kept = kept
        try:
            self.send(operation, body)
            return kept[0]
        finally:
            self._current.kept = None

    def _keep_request(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """While a request is only to be signed, keep it and answer in the server's stead."""
        kept: list[AWSPreparedRequest] | None = getattr(self._current, "kept", None)
        if kept is None:
            return None
        kept.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _EmptyBody())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _client(
    endpoint_url: str, region: str, access_key: str, secret_key: str, connections: int
) -> Any:
    return Session().create_client(
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


class _EmptyBody:
    """The body of an answer that nobody reads."""

    def stream(self) -> Iterator[bytes]:
        """One empty JSON object."""
        yield b"{}"


def _reply(answer: Answer) -> Reply:
    body: dict[str, Any] = orjson.loads(answer.body or b"{}")
    if answer.status == 200:
        return Reply("done", body)
    code = str(body.get("__type", "")).rpartition("#")[2]
    return _judged(answer.status, code, body, body.get("message") or body.get("Message") or "")


def _refusal(error: ClientError) -> Reply:
    answer: dict[str, Any] = dict(error.response)
    said = answer.get("Error", {})
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _judged(status, said.get("Code", ""), answer, said.get("Message", ""))


def _judged(status: int, code: str, body: dict[str, Any], sentence: str) -> Reply:
    text = f"{code}: {sentence}"
    if code in THROTTLES:
        return Reply("throttled", body, text)
    return Reply("unknown" if status >= 500 else "refused", body, text)
