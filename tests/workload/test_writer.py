from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from harness.awsjson import AwsError, decode, encode_error
from harness.clock import VirtualClock, WallClock
from harness.dynamodb.api import DynamoDb
from harness.scenario.load import load_scenario
from harness.scenario.model import Scenario
from harness.web.message import Request, Response
from harness.web.server import ServerThread
from harness.workload.mixes import generate
from harness.workload.operations import Operation, Update, key_bytes
from harness.workload.writer import Outcome, Writer
from tests.workload.endpoint import DynamoDbApp, create_table

Meddle = Callable[[str, Request, DynamoDbApp], Response | None]


class MeddlingApp(DynamoDbApp):
    """A DynamoDB whose answers a test may replace: `meddle` returns None to let it answer."""

    meddle: Meddle | None = None

    def __call__(self, request: Request) -> Response:
        operation = request.headers["x-amz-target"].partition(".")[2]
        replaced = self.meddle(operation, request, self) if self.meddle else None
        return super().__call__(request) if replaced is None else replaced


class World:
    """A table behind a real server, a writer, and what became of its operations."""

    def __init__(self, scenario: Scenario, app: MeddlingApp, url: str, threads: int) -> None:
        self.scenario = scenario
        self.app = app
        self.outcomes: list[Outcome] = []
        self.writer = Writer(
            endpoint_url=url,
            region="us-east-1",
            access_key="key",
            secret_key="secret",
            table_name=scenario.table.table_name,
            clock=WallClock(seed=1),
            on_outcome=self.outcomes.append,
            threads=threads,
        )

    def results(self) -> dict[int, str]:
        return {outcome.operation.number: outcome.result for outcome in self.outcomes}

    def items(self) -> dict[bytes, Any]:
        body: dict[str, Any] = {"TableName": self.scenario.table.table_name}
        names = [part.attribute_name for part in self.scenario.table.key_schema]
        found = {}
        while True:
            page = orjson.loads(self.app.dynamodb.handle("Scan", body))
            for item in page["Items"]:
                found[key_bytes({name: item[name] for name in names})] = item
            if "LastEvaluatedKey" not in page:
                return found
            body["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@contextmanager
def world(name: str = "hot-key", *, threads: int = 2) -> Iterator[World]:
    scenario = load_scenario(name, overrides=["workload.items=100", "workload.changes=300"])
    dynamodb = DynamoDb(WallClock())
    create_table(dynamodb, scenario)
    app = MeddlingApp(dynamodb)
    with ServerThread(app) as server:
        built = World(scenario, app, server.url, threads)
        yield built
        built.writer.close()


def put(number: int, key: str, **more: Any) -> Operation:
    image = {"id": {"S": key}, **more}
    return Operation(number, "before", "put", "insert", {"id": {"S": key}}, "", 1, image)


def add(number: int, key: str) -> Operation:
    update = Update("ADD #a0 :v0", {"#a0": "n"}, {":v0": {"N": "1"}})
    return Operation(number, "after", "update", "update", {"id": {"S": key}}, "", 1, {}, update)


def delete(number: int, key: str) -> Operation:
    return Operation(number, "after", "delete", "delete", {"id": {"S": key}}, "", 1, None)


def test_the_table_is_left_with_the_last_image_of_each_key() -> None:
    with world("all-types") as w:
        operations = generate(w.scenario, VirtualClock(seed=5))
        w.writer.write(operations)
        assert w.results() == dict.fromkeys(range(400), "acked")
        assert w.writer.progress.acked == w.writer.progress.done == 400
        wanted: dict[bytes, Any] = {}
        for operation in operations:
            wanted.pop(key_bytes(operation.key), None)
            if operation.image is not None:
                wanted[key_bytes(operation.key)] = operation.image
        found = w.items()
        assert found.keys() == wanted.keys()
        for key, image in wanted.items():
            assert found[key]["_w"] == image["_w"]
            assert found[key]["_n"] == image["_n"]
            assert found[key]["tricky_bytes"] == image["tricky_bytes"]
        assert {"BatchWriteItem", "TransactWriteItems"} <= set(w.app.asked)


def test_operations_of_one_key_overlap_in_a_burst_alone() -> None:
    with world(threads=4) as w:
        w.writer.write(generate(w.scenario, VirtualClock(seed=5)))
        assert len(w.outcomes) == 400
        ended: dict[bytes, tuple[int, int]] = {}
        for outcome in w.outcomes:
            number, before = ended.get(key_bytes(outcome.operation.key), (-1, 0))
            assert outcome.operation.number > number
            assert outcome.started_us <= outcome.ended_us
            assert before <= outcome.started_us or outcome.operation.burst is not None
            ended[key_bytes(outcome.operation.key)] = (outcome.operation.number, outcome.ended_us)


def test_neighbours_of_different_keys_share_requests() -> None:
    with world(threads=1) as w:
        w.writer.write([put(n, f"k{n}") for n in range(60)])
        w.writer.write([add(n, f"k{n}") for n in range(60)])
        assert w.app.asked == ["BatchWriteItem"] * 3 + ["TransactWriteItems"] * 2
        assert all(item["n"] == {"N": "1"} for item in w.items().values())


def test_a_key_that_comes_again_sends_its_group_first() -> None:
    with world(threads=1) as w:
        w.writer.write([put(0, "a"), put(1, "b"), add(2, "a"), delete(3, "b"), add(4, "a")])
        assert w.app.asked == ["BatchWriteItem", "UpdateItem", "DeleteItem", "UpdateItem"]
        assert w.items() == {b'{"id":{"S":"a"}}': {"id": {"S": "a"}, "n": {"N": "2"}}}


def test_unprocessed_items_are_sent_again() -> None:
    sizes = []

    def half(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        entries = orjson.loads(request.body)["RequestItems"]["counters"]
        sizes.append(len(entries))
        if len(entries) == 1:
            return None
        kept, left = entries[: len(entries) // 2], entries[len(entries) // 2 :]
        request.body = orjson.dumps({"RequestItems": {"counters": kept}})
        answer = DynamoDbApp.__call__(app, request)
        answer.body = orjson.dumps({"UnprocessedItems": {"counters": left}})
        answer.headers.pop("x-amz-crc32", None)
        return answer

    with world(threads=1) as w:
        w.app.meddle = half
        w.writer.write([put(n, f"k{n}") for n in range(8)])
        assert sizes == [8, 4, 2, 1]
        assert w.results() == dict.fromkeys(range(8), "acked")
        assert len(w.items()) == 8


def test_a_put_whose_answer_is_lost_is_sent_again_and_an_update_is_not() -> None:
    lost: list[str] = []

    def lose_once(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        if operation in lost:
            return None
        lost.append(operation)
        answer = DynamoDbApp.__call__(app, request)
        answer.cut_after = -1
        return answer

    with world(threads=1) as w:
        w.app.meddle = lose_once
        w.writer.write([put(0, "a"), add(1, "a"), put(2, "b"), delete(3, "a")])
        assert w.results() == {0: "acked", 1: "unknown", 2: "acked", 3: "acked"}
        assert w.app.asked.count("UpdateItem") == 1
        assert w.app.asked.count("PutItem") == 2


def test_a_transaction_whose_answer_is_lost_is_applied_once() -> None:
    lost: list[str] = []

    def lose_once(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        if operation != "TransactWriteItems" or lost:
            return None
        lost.append(operation)
        answer = DynamoDbApp.__call__(app, request)
        answer.cut_after = -1
        return answer

    with world(threads=1) as w:
        w.app.meddle = lose_once
        w.writer.write([add(0, "a"), add(1, "b")])
        assert w.results() == {0: "acked", 1: "acked"}
        assert w.app.asked == ["TransactWriteItems", "TransactWriteItems"]
        assert [item["n"] for item in w.items().values()] == [{"N": "1"}, {"N": "1"}]


def test_throttled_requests_are_sent_again() -> None:
    refused: list[str] = []

    def throttle(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        if len(refused) == 3:
            return None
        refused.append(operation)
        return encode_error(
            decode(request), AwsError("ProvisionedThroughputExceededException", "x")
        )

    with world(threads=1) as w:
        w.app.meddle = throttle
        w.writer.write([put(0, "a"), add(1, "a")])
        assert w.results() == {0: "acked", 1: "acked"}
        assert refused == ["PutItem"] * 3


def test_one_item_that_is_refused_takes_no_other_with_it() -> None:
    with world(threads=1) as w:
        w.writer.write([put(0, "a"), put(1, "b", fat={"S": "x" * 410_000}), put(2, "c")])
        assert w.results() == {0: "acked", 1: "refused", 2: "acked"}
        refusal = next(outcome for outcome in w.outcomes if outcome.result == "refused")
        assert refusal.request == "PutItem"
        assert refusal.error.startswith("ValidationException: ")
        assert refusal.error.endswith("Item size has exceeded the maximum allowed size")
        assert len(w.items()) == 2


def test_an_update_that_cancels_its_transaction_is_refused_alone() -> None:
    with world(threads=1) as w:
        w.writer.write([put(0, "a", n={"S": "text"}), put(1, "b")])
        w.writer.write([add(2, "a"), add(3, "b")])
        assert w.results() == {0: "acked", 1: "acked", 2: "refused", 3: "acked"}


def test_nothing_is_sent_after_stop() -> None:
    with world(threads=1) as w:

        def stop(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
            w.writer.stop()
            return None

        w.app.meddle = stop
        w.writer.write([put(n, f"k{n}") for n in range(500)])
        assert w.app.asked == ["BatchWriteItem"]
        assert len(w.outcomes) == 25


def test_an_error_of_the_callback_reaches_the_caller() -> None:
    class CallbackBrokeError(Exception):
        pass

    def fail(outcome: Outcome) -> None:
        raise CallbackBrokeError

    with world(threads=2) as w:
        w.writer._on_outcome = fail
        with pytest.raises(CallbackBrokeError):
            w.writer.write([put(n, f"k{n}") for n in range(100)])


def burst(count: int) -> list[Operation]:
    return [put(0, "a"), *(replace(add(n, "a"), burst=7) for n in range(1, count))]


def test_a_burst_keeps_its_order_and_shares_milliseconds() -> None:
    with world(threads=1) as w:
        w.writer.write(burst(31))
        assert w.app.asked == ["PutItem"] + ["UpdateItem"] * 30
        assert [o.operation.number for o in w.outcomes] == list(range(31))
        assert w.items() == {b'{"id":{"S":"a"}}': {"id": {"S": "a"}, "n": {"N": "30"}}}
        assert len({o.started_us for o in w.outcomes[1:]}) == 1


def test_a_refusal_within_a_burst_is_its_own() -> None:
    with world(threads=1) as w:
        operations = burst(4)
        bad = replace(operations[2], update=Update("ADD #a0", {"#a0": "n"}, {}))
        w.writer.write([*operations[:2], bad, operations[3]])
        assert w.results() == {0: "acked", 1: "acked", 2: "refused", 3: "acked"}
        assert w.outcomes[2].error.startswith("ValidationException: ")


def test_a_burst_that_is_cut_off_is_unknown_from_there_on() -> None:
    seen: list[str] = []

    def cut_second(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        seen.append(operation)
        if len(seen) != 3:
            return None
        answer = DynamoDbApp.__call__(app, request)
        answer.cut_after = -1
        return answer

    with world(threads=1) as w:
        w.app.meddle = cut_second
        w.writer.write(burst(5))
        assert w.results() == {0: "acked", 1: "acked", 2: "unknown", 3: "unknown", 4: "unknown"}
        assert seen.count("UpdateItem") <= 4


def test_a_server_that_closes_after_each_answer_gets_the_rest_singly() -> None:
    def close(operation: str, request: Request, app: DynamoDbApp) -> Response | None:
        answer = DynamoDbApp.__call__(app, request)
        answer.headers["connection"] = "close"
        return answer

    with world(threads=1) as w:
        w.app.meddle = close
        w.writer.write(burst(4))
        results = w.results()
        assert results == dict.fromkeys(range(4), "acked")
