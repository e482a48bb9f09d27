"""CloudWatch in the protocol that SDKs speak to it: what KCL's metrics need."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cbor2
import pytest
from botocore.exceptions import ClientError

from tests.gateway.malformed import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    Clients = Callable[..., Any]

SERVICE = "/service/GraniteServiceVersion20100801/operation"


def ask(url: str, body: bytes, **headers: str) -> tuple[int, str | None, Any]:
    sent = {
        "smithy-protocol": "rpc-v2-cbor",
        "content-type": "application/cbor",
        "x-amz-date": "20250101T000000Z",
        "authorization": AUTHORIZATION.format("monitoring"),
        **headers,
    }
    try:
        with urlopen(Request(url, data=body, headers=sent), timeout=30) as answer:
            return answer.status, answer.headers["smithy-protocol"], cbor2.loads(answer.read())
    except HTTPError as error:
        return error.code, error.headers["smithy-protocol"], cbor2.loads(error.read())


def test_a_metric_is_put_and_read_back(clients: Clients) -> None:
    cloudwatch = clients("cloudwatch")
    at = datetime(2025, 1, 1, 12, 0, 30, tzinfo=UTC)
    dimensions = [{"Name": "Operation", "Value": "ProcessTask"}]
    datum = {"MetricName": "Time", "Value": 2.0, "Timestamp": at, "Dimensions": dimensions}
    cloudwatch.put_metric_data(Namespace="application", MetricData=[datum])
    assert cloudwatch.list_metrics(Namespace="application")["Metrics"] == [
        {"Namespace": "application", "MetricName": "Time", "Dimensions": dimensions}
    ]
    read = cloudwatch.get_metric_statistics(
        Namespace="application",
        MetricName="Time",
        Dimensions=dimensions,
        StartTime=at.replace(second=0),
        EndTime=at.replace(minute=1),
        Period=60,
        Statistics=["Sum"],
    )
    (point,) = read["Datapoints"]
    assert point["Timestamp"].replace(second=0, microsecond=0) == at.replace(second=0)
    assert point["Sum"] == 2.0


def test_a_compressed_body_is_read(url: str, clients: Clients) -> None:
    datum = {"MetricName": "Records", "Value": 1, "Timestamp": datetime(2025, 1, 1, tzinfo=UTC)}
    body = gzip.compress(cbor2.dumps({"Namespace": "zipped", "MetricData": [datum]}))
    assert ask(f"{url}{SERVICE}/PutMetricData", body, **{"content-encoding": "gzip"}) == (
        200,
        "rpc-v2-cbor",
        {},
    )
    (metric,) = clients("cloudwatch").list_metrics(Namespace="zipped")["Metrics"]
    assert metric["MetricName"] == "Records"


def test_an_error_comes_in_the_protocol_of_the_request(clients: Clients) -> None:
    with pytest.raises(ClientError) as caught:
        clients("cloudwatch").get_dashboard(DashboardName="none")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/service/Other/operation/Do", b"\xa0", "rpc-v2-cbor on /service/Other/operation/Do"),
        (f"{SERVICE}/PutMetricData", b"\xbf\x61", "a body that is not CBOR"),
    ],
)
def test_what_cannot_be_understood_is_refused_clearly(
    url: str, path: str, body: bytes, message: str
) -> None:
    status, protocol, told = ask(url + path, body)
    assert (status, protocol) == (501, "rpc-v2-cbor")
    assert told["message"].startswith(f"not emulated: {message}")
