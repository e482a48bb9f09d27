"""Faults met by real boto3 before the whole emulated AWS, by plain calls through the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from harness.clock import VirtualClock
from harness.errors import UsageError
from harness.faults.fault import known_faults, make_fault
from harness.faults.gate import Gate
from harness.faults.plan import plan_from_json
from harness.gateway.aws import Aws
from harness.kinesis.settings import Settings as KinesisSettings
from harness.web.inprocess import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.web.message import Request, Response


@dataclass
class World:
    """An AWS with one stream behind a gate with a plan."""

    plan: list[dict[str, Any]]
    breaks_promises: bool = False
    seed: int = 1
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(seed=self.seed)
        self.aws = Aws(self.clock)
        self.aws.region().kinesis.settings = KinesisSettings.instant()
        wish = {"plan": self.plan, "breaks_promises": self.breaks_promises}
        self.gate = Gate(
            plan_from_json(wish, self.clock), lambda kind, what: self.events.append((kind, what))
        )
        open_client = client("kinesis", self.aws.app)
        open_client.create_stream(StreamName="changes", ShardCount=1)
        for number in range(4):
            open_client.put_record(
                StreamName="changes", Data=str(number).encode(), PartitionKey="k"
            )
        self.open = open_client
        self.gated = client("kinesis", self)

    def __call__(self, request: Request) -> Response:
        passage = self.gate.open(request, "aws")
        return self.gate.through(passage, self.aws.app, self.clock.sleep)

    def runs_in_thread(self, request: Request) -> bool:
        return False

    def iterator(self) -> str:
        return str(
            self.gated.get_shard_iterator(
                StreamName="changes",
                ShardId="shardId-000000000000",
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
        )

    @property
    def faults(self) -> list[str]:
        return [
            f"{e['fault']} {e['operation']} #{e['ordinal']}"
            for kind, e in self.events
            if kind == "fault"
        ]


def client(service: str, app: Any) -> Any:
    made = boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url="http://in.process:1",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    attach(made, app)
    return made


def data(page: Any) -> list[bytes]:
    return [record["Data"] for record in page["Records"]]


def put(world: World, text: bytes) -> Any:
    return world.gated.put_record(StreamName="changes", Data=text, PartitionKey="k")


def stored(world: World) -> list[bytes]:
    iterator = world.open.get_shard_iterator(
        StreamName="changes", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return data(world.open.get_records(ShardIterator=iterator))[4:]


def test_without_a_plan_everything_passes_and_is_recorded() -> None:
    world = World([])
    assert data(world.gated.get_records(ShardIterator=world.iterator())) == [b"0", b"1", b"2", b"3"]
    assert [e["operation"] for _, e in world.events] == ["GetShardIterator", "GetRecords"]
    page = dict(world.events[1][1])
    first, last = int(page.pop("first")), int(page.pop("last"))
    assert page == {
        "service": "kinesis",
        "operation": "GetRecords",
        "subject": "shardId-000000000000",
        "ordinal": 0,
        "attempt": 0,
        "status": 200,
        "records": 4,
    }
    assert last - first >= 3


def test_an_error_before_the_effect_leaves_nothing_behind() -> None:
    world = World([{"fault": "error-before", "operation": "PutRecord", "at": [0]}])
    with pytest.raises(ClientError) as caught:
        put(world, b"x")
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert stored(world) == []
    put(world, b"x")
    assert stored(world) == [b"x"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("error-after", ClientError),
        ("lost-answer", ConnectionClosedError),
        ("cut-mid-body", ConnectionClosedError),
    ],
)
def test_after_an_ambiguous_error_the_record_is_stored(fault: str, error: type[Exception]) -> None:
    world = World([{"fault": fault, "operation": "PutRecord", "at": [0]}])
    with pytest.raises(error):
        put(world, b"x")
    assert stored(world) == [b"x"]
    put(world, b"x")
    assert stored(world) == [b"x", b"x"]


def test_a_throttle_is_the_services_own_error() -> None:
    world = World([{"fault": "throttle", "service": "kinesis"}])
    calls: list[Callable[[], Any]] = [
        lambda: put(world, b"x"),
        lambda: world.gated.list_shards(StreamName="changes"),
    ]
    codes = []
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        codes.append(caught.value.response["Error"]["Code"])
    assert codes == ["ProvisionedThroughputExceededException", "LimitExceededException"]


def test_latency_lets_the_clocks_time_pass_and_then_serves() -> None:
    world = World([{"fault": "latency", "operation": "PutRecord", "settings": {"seconds": 2}}])
    before = world.clock.now_us()
    put(world, b"x")
    assert world.clock.now_us() - before == 2_000_000
    assert stored(world) == [b"x"]


@pytest.mark.parametrize(("after_effect", "kept"), [(False, []), (True, [b"x"])])
def test_a_hang_ends_in_a_lost_connection(*, after_effect: bool, kept: list[bytes]) -> None:
    settings = {"seconds": 10.0, "after_effect": after_effect}
    world = World([{"fault": "hang", "operation": "PutRecord", "settings": settings}])
    before = world.clock.now_us()
    with pytest.raises(ConnectionClosedError):
        put(world, b"x")
    assert world.clock.now_us() - before == 10_000_000
    assert stored(world) == kept


def test_a_restarting_server_refuses_the_next_requests_too() -> None:
    world = World(
        [{"fault": "server-restart", "operation": "PutRecord", "settings": {"refused": 1}}]
    )
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            put(world, b"x")
    put(world, b"x")
    assert stored(world) == [b"x"]


def test_an_empty_page_hides_nothing() -> None:
    world = World([{"fault": "empty-page"}])
    page = world.gated.get_records(ShardIterator=world.iterator())
    assert (data(page), page["MillisBehindLatest"]) == ([], 1000)
    page = world.gated.get_records(ShardIterator=page["NextShardIterator"])
    assert data(page) == [b"0", b"1", b"2", b"3"]
    assert world.faults == ["empty-page GetRecords #0"]


def test_an_expired_iterator_is_refused_and_a_new_one_reads_on() -> None:
    world = World([{"fault": "expired-iterator"}])
    with pytest.raises(ClientError) as caught:
        world.gated.get_records(ShardIterator=world.iterator())
    assert caught.value.response["Error"]["Code"] == "ExpiredIteratorException"
    assert len(data(world.gated.get_records(ShardIterator=world.iterator()))) == 4


def test_a_stale_page_comes_again_and_the_reader_arrives_all_the_same() -> None:
    world = World([{"fault": "stale-page", "at": [1]}], breaks_promises=True)
    pages, iterator = [], world.iterator()
    for _ in range(4):
        page = world.gated.get_records(ShardIterator=iterator, Limit=2)
        pages.append(data(page))
        iterator = page["NextShardIterator"]
    assert pages == [[b"0", b"1"], [b"0", b"1"], [b"2", b"3"], []]


def test_a_duplicated_page_holds_each_record_twice() -> None:
    world = World([{"fault": "duplicated-page"}], breaks_promises=True)
    page = world.gated.get_records(ShardIterator=world.iterator(), Limit=1)
    assert data(page) == [b"0", b"0"]


def test_what_breaks_a_promise_must_be_allowed() -> None:
    with pytest.raises(UsageError, match="breaks what the service promises"):
        World([{"fault": "stale-page"}])


def test_idle_polls_do_not_move_the_ordinal_of_a_page() -> None:
    """How often an idle reader polls depends on time: a plan must not."""
    world = World([])
    page = world.gated.get_records(ShardIterator=world.iterator(), Limit=4)
    for _ in range(3):
        page = world.gated.get_records(ShardIterator=page["NextShardIterator"])
    world.open.put_record(StreamName="changes", Data=b"4", PartitionKey="k")
    world.gated.get_records(ShardIterator=page["NextShardIterator"])
    ordinals = [
        (e["ordinal"], e["attempt"]) for _, e in world.events if e["operation"] == "GetRecords"
    ]
    assert ordinals == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_the_same_seed_hits_the_same_requests_and_another_seed_others() -> None:
    def hits(seed: int) -> list[int]:
        world = World(
            [{"fault": "error-before", "operation": "PutRecord", "probability": 0.3}], seed=seed
        )
        found = []
        for number in range(30):
            try:
                put(world, str(number).encode())
            except ClientError:
                found.append(number)
        return found

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 3 < len(hits(1)) < 17


def test_a_fault_ends_with_its_times_and_attempts() -> None:
    world = World(
        [{"fault": "error-before", "operation": "PutRecord", "attempts": 2, "times_max": 3}]
    )
    outcomes = []
    for text in (b"a", b"a", b"a", b"b", b"b"):
        try:
            put(world, text)
            outcomes.append("stored")
        except ClientError:
            outcomes.append("error")
    assert outcomes == ["error", "error", "stored", "error", "stored"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("throtle", {}, "unknown fault 'throtle' (did you mean 'throttle'?)"),
        ("hang", {"secs": 1}, "fault 'hang' has no setting 'secs'"),
        ("hang", {"seconds": "long"}, "fault 'hang': seconds must be float, not 'long'"),
        ("latency", {"seconds": -1}, "fault 'latency': seconds must not be negative: -1"),
        ("throttle", {"rate": 1}, "fault 'throttle' has no setting 'rate' (it has none)"),
    ],
)
def test_a_wrong_fault_is_refused_in_one_line(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_fault(name, settings)
    assert str(caught.value).startswith(message)


def test_every_fault_says_what_it_is() -> None:
    names = known_faults().names()
    assert len(names) == 16
    assert all((kind.__doc__ or "").strip() for kind in known_faults())


def test_a_page_that_a_client_would_take_compressed_is_counted_all_the_same() -> None:
    world = World([])
    table = client("dynamodb", world.aws.app)
    arn = table.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for number in range(20):
        table.put_item(
            TableName="things", Item={"id": {"S": str(number)}, "text": {"S": "x" * 500}}
        )
    reader = client("dynamodbstreams", world)

    def take_compressed(request: Any, **_more: Any) -> None:
        request.headers["Accept-Encoding"] = "gzip"

    reader.meta.events.register("before-sign.dynamodb-streams.GetRecords", take_compressed)
    shard = reader.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = reader.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = reader.get_records(ShardIterator=iterator)
    reader.get_records(ShardIterator=page["NextShardIterator"])
    pages = [what for _, what in world.events if what.get("operation") == "GetRecords"]
    assert [what["records"] for what in pages] == [20, 0]
    assert [what["subject"] for what in pages] == [shard, shard]
