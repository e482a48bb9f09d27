"""AWS by botocore: clients that leave retries to the pipe, and answers parsed without detours.

GetRecords brings up to 10,000 records; botocore's parser walks each field of each by the service
model, which costs more than decoding the change itself. Its answer is therefore taken as the JSON
that it is: `Data` stays base64 text and times stay epoch seconds.

It is also read in one piece. botocore reads 64 KB at a time, and after each of them the thread that
reads has to wait until the one that decodes lets Python go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import orjson
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import JSONParser, ResponseParserFactory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.pipelines.pipeline import Environment

SUCCESS_END = 300
SERVER_ERROR = 500
CONNECT_SECONDS = 5
READ_SECONDS = 60
RAW_OUTPUTS = ("GetRecordsOutput",)

PASSING_ERRORS = frozenset(
    {
        "ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException",
        "Throttling", "RequestLimitExceeded", "ResourceInUseException", "InternalFailure",
        "InternalServerError", "InternalServerException", "KMSThrottlingException",
        "ServiceUnavailable", "SlowDown", "InternalError", "RequestTimeout", "503", "500",
    }
)  # fmt: skip


class RawJsonParser(JSONParser):
    """botocore's JSON parser that hands large answers through as they are."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        """As botocore's; a successful GetRecords keeps wire types."""
        if (
            response["status_code"] < SUCCESS_END
            and shape is not None
            and shape.name in RAW_OUTPUTS
        ):
            parsed = orjson.loads(response["body"])
            parsed["ResponseMetadata"] = {"HTTPStatusCode": response["status_code"]}
            return parsed
        return super().parse(response, shape)


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name == "json":
            return RawJsonParser()
        return super().create_parser(protocol_name)


class _Whole:
    """An answer's body that is there."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


class WholeAnswers:
    """A client's HTTP session that reads an answer in one piece, unless it is one that goes on.

    Args:
        session: botocore's own.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, request: Any) -> Any:
        """Send a prepared request.

        Raises:
            HTTPClientError: the answer broke off; what else botocore's session raises.
        """
        if request.stream_output:
            return self._session.send(request)
        request.stream_output = True  # leaves the reading to us
        answer = self._session.send(request)
        try:
            content = answer.raw.read()
        except urllib3.exceptions.HTTPError as error:
            raise HTTPClientError(error=error) from error
        return AWSResponse(answer.url, answer.status_code, answer.headers, _Whole(content))

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()


class Aws:
    """Makes clients for one endpoint.

    Args:
        env: endpoint, region and keys.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._session: botocore.session.Session | None = None

    def client(self, service: str) -> Any:
        """A client of `kinesis`, `dynamodbstreams` or `s3`; it never retries by itself."""
        return self._env.aws_client(service, lambda: self._make(service))

    def _make(self, service: str) -> Any:
        if self._session is None:
            self._session = botocore.session.Session()
            self._session.register_component("response_parser_factory", _Parsers())
        client: Any = self._session.create_client(
            service,
            region_name=self._env.aws_region,
            endpoint_url=self._env.aws_endpoint_url,
            aws_access_key_id=self._env.aws_access_key_id or "harness",
            aws_secret_access_key=self._env.aws_secret_access_key or "harness",
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                max_pool_connections=64,
                parameter_validation=False,
                s3={"addressing_style": "path"},
            ),
        )
        endpoint = client._endpoint  # noqa: SLF001 - no other way in
        endpoint.http_session = WholeAnswers(endpoint.http_session)
        return client


def error_code(error: Exception) -> str:
    """AWS's code of an error; empty when there was no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def passes(error: Exception) -> bool:
    """True for an error that may go away by itself: throttles, 5xx, lost connections."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in PASSING_ERRORS or status >= SERVER_ERROR
    # An answer that was cut off is no JSON: asking again is the cure.
    return isinstance(error, HTTPClientError | BotoCoreError | orjson.JSONDecodeError)
