from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock
from harness.errors import BackendError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST_TABLES = {
    "x-amz-target": "DynamoDB_20120810.ListTables",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-date": "20250101T000000Z",
    "authorization": "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as aws:
        yield aws


def client(aws: EmbeddedAws, service: str, **how: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        aws_access_key_id=how.get("access_key", aws.access_key),
        aws_secret_access_key=how.get("secret_key", aws.secret_key),
        config=Config(retries={"total_max_attempts": 1}),
    )


def wait_for_end(pid: int) -> None:
    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    WallClock().wait_until(is_gone, timeout_seconds=10, what=f"the end of process {pid}")


def test_the_first_dynamodb_answer_costs_less_than_a_second() -> None:
    before = os.times()
    with (
        EmbeddedAws() as aws,
        urlopen(Request(aws.endpoint, data=b"{}", headers=LIST_TABLES)) as answer,
    ):
        assert answer.read() == b'{"TableNames":[]}'
    after = os.times()
    # Processor time, from start to end: what passes on a machine with nothing else to do.
    assert after.children_user - before.children_user < 0.8
    assert after.children_system - before.children_system < 0.2


def test_the_controls_reach_the_process(aws: EmbeddedAws) -> None:
    assert aws.stats()["kinesis_records_put"] == 0
    before = aws.now_us()
    assert aws.advance(3600) - before >= 3600 * 1_000_000
    changed = aws.change_settings({"kinesis": {"create_seconds": 0}})
    assert changed["kinesis"]["create_seconds"] == 0
    assert aws.settings() == changed
    with pytest.raises(UsageError, match=r"unknown setting kinesis\.speed"):
        aws.change_settings({"kinesis": {"speed": 1}})


def test_a_shard_of_a_dynamodb_stream_rolls_over_when_told(aws: EmbeddedAws) -> None:
    created = client(aws, "dynamodb").create_table(
        TableName="rolled",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    arn = created["TableDescription"]["LatestStreamArn"]
    children = aws.roll_stream(arn, children=2)
    streams = client(aws, "dynamodbstreams")
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    assert [shard["ShardId"] for shard in described[1:]] == children
    with pytest.raises(UsageError, match="Shard does not exist"):
        aws.roll_stream(arn, described[0]["ShardId"])


def test_a_taken_port_is_one_clear_line(aws: EmbeddedAws) -> None:
    port = urlsplit(aws.endpoint).port or 0
    with pytest.raises(BackendError) as caught:
        EmbeddedAws(port=port).start()
    assert str(caught.value) == (
        f"the AWS endpoint did not start: port {port} on 127.0.0.1 is taken "
        "(choose another, or 0 for any free port)"
    )


def test_a_wrong_setting_is_told_at_the_start() -> None:
    with pytest.raises(BackendError, match="unknown part 'kinesys'"):
        EmbeddedAws(settings={"kinesys": {}}).start()


def test_closing_ends_the_process_and_is_harmless_twice() -> None:
    aws = EmbeddedAws().start()
    pid = aws.pid
    assert pid is not None
    aws.close()
    wait_for_end(pid)
    aws.close()
    assert aws.pid is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order_when_asked_by_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "harness.backends.aws_process"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"] is True
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert said == ""


def test_it_ends_with_its_parent() -> None:
    parent = (
        "import os, sys\n"
        "from harness.backends.embedded_aws import EmbeddedAws\n"
        "aws = EmbeddedAws().start()\n"
        "print(aws.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == -9
    wait_for_end(int(done.stdout))


def test_beyond_this_machine_only_its_own_key_opens() -> None:
    with EmbeddedAws(host="0.0.0.0") as aws:
        aws.endpoint = aws.endpoint.replace("0.0.0.0", "127.0.0.1")
        assert len(aws.access_key) == 20
        assert client(aws, "dynamodb").list_tables()["TableNames"] == []
        assert aws.stats()["kinesis_records_put"] == 0
        with pytest.raises(ClientError, match="security token included in the request is invalid"):
            client(aws, "dynamodb", access_key="other").list_tables()
        with pytest.raises(ClientError, match="signature we calculated does not match"):
            client(aws, "dynamodb", secret_key="other").list_tables()
