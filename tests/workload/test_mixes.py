from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from decimal import Context, Decimal
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import VirtualClock, WallClock
from harness.dynamodb.api import DynamoDb
from harness.errors import ScenarioError
from harness.scenario.catalog import names
from harness.scenario.load import load_scenario
from harness.scenario.model import Scenario
from harness.workload.mixes import generate
from harness.workload.operations import Operation, key_bytes
from tests.workload.endpoint import create_table

Item = dict[str, Any]
EXACT = Context(prec=300)


def operations_of(name: str, *overrides: str, seed: int = 1) -> list[Operation]:
    return generate(load_scenario(name, overrides=overrides), VirtualClock(seed=seed))


def comparable(item: Item) -> Item:
    """Sets have no order; everything else is compared as it is."""
    kind_value = {name: next(iter(value.items())) for name, value in item.items()}
    return {
        name: {kind: sorted(value) if kind in ("SS", "NS", "BS") else value}
        for name, (kind, value) in kind_value.items()
    }


class Model:
    """DynamoDB as thirty lines: PutItem, DeleteItem, and the update expressions of the workload."""

    def __init__(self) -> None:
        self.items: dict[bytes, Item] = {}

    def apply(self, operation: Operation) -> Item | None:
        request, body = operation.request("t")
        key = key_bytes(operation.key)
        if request == "PutItem":
            self.items[key] = orjson.loads(orjson.dumps(body["Item"]))
        elif request == "DeleteItem":
            self.items.pop(key, None)
        else:
            self.update(self.items[key], body)
        return self.items.get(key)

    def update(self, item: Item, body: dict[str, Any]) -> None:
        names, values = body["ExpressionAttributeNames"], body["ExpressionAttributeValues"]
        parts = re.split(r"\b(SET|REMOVE|ADD|DELETE) ", body["UpdateExpression"])[1:]
        for word, clause in zip(parts[::2], parts[1::2], strict=True):
            for action in re.split(r", (?![^(]*\))", clause.strip()):
                path, _, operand = action.partition(" = " if word == "SET" else " ")
                inside, last = self.place(item, path, names)
                self.act(word, inside, last, operand, values)

    def place(self, item: Item, path: str, names: dict[str, str]) -> tuple[Any, Any]:
        steps: list[Any] = []
        for step in path.split("."):
            name, _, position = step.partition("[")
            steps.append(names[name])
            if position:
                steps.append(int(position.rstrip("]")))
        inside: Any = item
        for step in steps[:-1]:
            inside = next(iter(inside[step].values()))
        return inside, steps[-1]

    def act(self, word: str, inside: Any, last: Any, operand: str, values: Item) -> None:
        if word == "REMOVE":
            del inside[last]
            return
        if operand.startswith("list_append"):
            appended = values[operand.rstrip(")").split(", ")[1]]
            inside[last]["L"].extend(appended["L"])
            return
        kind, value = next(iter(orjson.loads(orjson.dumps(values[operand])).items()))
        if word == "SET":
            inside[last] = {kind: value}
        elif kind == "N":
            total = EXACT.add(Decimal(inside.get(last, {"N": "0"})["N"]), Decimal(value))
            inside[last] = {"N": format(EXACT.normalize(total), "f") if total else "0"}
        elif word == "ADD":
            inside[last][kind].extend(m for m in value if m not in inside[last][kind])
        else:
            inside[last][kind] = [m for m in inside[last][kind] if m not in value]


small = st.fixed_dictionaries(
    {
        "insert": st.sampled_from([0.05, 0.5]),
        "replace": st.sampled_from([0.0, 0.3]),
        "update": st.sampled_from([0.0, 0.6]),
        "delete": st.sampled_from([0.0, 0.1, 0.8]),
        "reinsert": st.sampled_from([0.0, 0.1, 0.8]),
    }
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    mix = ", ".join(f"{name} = {weight}" for name, weight in draw(small).items())
    burst = draw(st.sampled_from([1, 3, 7]))
    distribution = draw(st.sampled_from(["uniform", "zipf", "hot"]))
    return load_scenario(
        draw(st.sampled_from(["quickstart", "hot-key", "delete-reinsert", "all-types"])),
        overrides=[
            f"workload.items={draw(st.integers(0, 20))}",
            f"workload.changes={draw(st.integers(0, 60))}",
            f"workload.mix={{ {mix} }}",
            f"workload.burst={burst}",
            f"workload.burst_share={draw(st.sampled_from([0.0, 0.5, 1.0])) if burst > 1 else 0.0}",
            f'workload.keys={{ distribution = "{distribution}", hot_keys = 3 }}',
            f"seed={draw(st.integers(0, 1000))}",
        ],
    )


@given(scenarios())
@settings(max_examples=40, deadline=None)
def test_applying_the_operations_gives_the_tracked_images(scenario: Scenario) -> None:
    model = Model()
    for operation in generate(scenario, VirtualClock(seed=scenario.seed)):
        left = model.apply(operation)
        assert (left is None) == (operation.image is None)
        if left is not None and operation.image is not None:
            assert comparable(left) == comparable(operation.image)


@given(scenarios())
@settings(max_examples=40, deadline=None)
def test_each_change_meets_a_key_in_the_condition_that_it_needs(scenario: Scenario) -> None:
    live: set[bytes] = set()
    dead: set[bytes] = set()
    for operation in generate(scenario, VirtualClock(seed=scenario.seed)):
        key = key_bytes(operation.key)
        match operation.change:
            case "insert":
                assert key not in live | dead
                live.add(key)
            case "reinsert":
                dead.remove(key)
                live.add(key)
            case "delete":
                live.remove(key)
                dead.add(key)
            case "replace" | "update":
                assert key in live


@given(scenarios())
@settings(max_examples=40, deadline=None)
def test_counters_rise_by_one_a_write_and_markers_are_unique(scenario: Scenario) -> None:
    operations = generate(scenario, VirtualClock(seed=scenario.seed))
    counters: dict[bytes, int] = {}
    for position, operation in enumerate(operations):
        key = key_bytes(operation.key)
        counters[key] = counters.get(key, 0) + 1
        assert operation.counter == counters[key]
        assert operation.number == position
        if operation.image is not None:
            assert operation.image["_n"] == {"N": str(operation.counter)}
            assert operation.image["_w"] == {"S": f"w{position:06d}"}


@given(scenarios())
@settings(max_examples=40, deadline=None)
def test_phases_come_in_order_and_have_the_wanted_sizes(scenario: Scenario) -> None:
    operations = generate(scenario, VirtualClock(seed=scenario.seed))
    phases = [operation.phase for operation in operations]
    workload = scenario.workload
    during = round(workload.changes * workload.during_snapshot)
    after = workload.changes - during
    assert phases == ["before"] * workload.items + ["during"] * during + ["after"] * after


# `large` takes long, and `composite-keys` has few keys on purpose.
@pytest.mark.parametrize("name", [n for n in names() if n not in ("large", "composite-keys")])
def test_the_item_engine_is_left_with_the_tracked_images(name: str) -> None:
    scenario = load_scenario(name, overrides=["workload.items=150", "workload.changes=600"])
    dynamodb = DynamoDb(WallClock())
    create_table(dynamodb, scenario)
    table = scenario.table.table_name
    wanted: dict[bytes, Item] = {}
    for operation in generate(scenario, VirtualClock(seed=3)):
        dynamodb.handle(*operation.request(table))
        wanted.pop(key_bytes(operation.key), None)
        if operation.image is not None:
            wanted[key_bytes(operation.key)] = comparable(operation.image)
    found: dict[bytes, Item] = {}
    start: dict[str, Any] = {}
    while True:
        page = orjson.loads(dynamodb.handle("Scan", {"TableName": table, **start}))
        for item in page["Items"]:
            key = {p.attribute_name: item[p.attribute_name] for p in scenario.table.key_schema}
            found[key_bytes(key)] = comparable(item)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == wanted


def test_updates_use_every_kind_of_action() -> None:
    updates = [o.update for o in operations_of("all-types") if o.update is not None]
    text = "\n".join(update.expression for update in updates)
    for pattern in (
        r"SET #a\d+ = :v",
        r"SET .*#a\d+\.#a\d+ = :v",
        r"SET .*#a\d+\[\d\] = :v",
        r"list_append\(#a\d+, :v\d+\)",
        r"REMOVE #a\d+",
        r"REMOVE #a\d+\.#a\d+",
        r"ADD #a\d+ :v",
        r"DELETE #a\d+ :v",
    ):
        assert re.search(pattern, text), pattern
    for update in updates:
        used = set(re.findall(r"#a\d+|:v\d+", update.expression))
        assert used == {*update.names, *update.values}


def test_hot_keys_get_their_share_and_bursts_are_of_one_key() -> None:
    operations = operations_of("hot-key", "workload.burst_share=0.0", "workload.changes=4000")
    changes = [o for o in operations if o.phase != "before"]
    hot = sum(o.key == {"id": {"S": "counter-0"}} for o in changes)
    assert 0.70 < hot / len(changes) < 0.85
    bursts: dict[int, list[Operation]] = {}
    for operation in operations_of("hot-key"):
        if operation.burst is not None:
            bursts.setdefault(operation.burst, []).append(operation)
    assert 0.4 < sum(map(len, bursts.values())) / 3000 < 0.6
    for burst in bursts.values():
        assert len({key_bytes(operation.key) for operation in burst}) == 1
        first = burst[0].number
        assert [operation.number for operation in burst] == list(range(first, first + len(burst)))


def test_zipf_prefers_the_first_keys() -> None:
    operations = operations_of(
        "large",
        "workload.items=1000",
        "workload.changes=4000",
        'workload.keys.distribution="zipf"',
        "workload.mix={ insert = 0, update = 1, replace = 0, delete = 0, reinsert = 0 }",
    )
    met = [int(o.key["id"]["S"].split("-")[1]) for o in operations if o.phase != "before"]
    # The place is 1000 to the power of a uniform draw: half of the draws are below 1000 ** 0.5.
    assert 0.45 < sum(key < 31 for key in met) / len(met) < 0.55


def test_one_attribute_more_leaves_the_values_of_the_others() -> None:
    plain = operations_of("hot-key", "workload.changes=0")
    wider = operations_of("hot-key", "workload.changes=0", 'item.more="email"')
    for before, after in zip(plain, wider, strict=True):
        assert before.image is not None
        assert after.image is not None
        assert {k: v for k, v in after.image.items() if k != "more"} == before.image


def test_another_seed_is_another_workload() -> None:
    assert (
        operations_of("quickstart", seed=1)[0].image != operations_of("quickstart", seed=2)[0].image
    )


DIGEST = """
import hashlib
from harness.clock import VirtualClock
from harness.scenario.catalog import names
from harness.scenario.load import load_scenario
from harness.workload.mixes import generate
for name in names():
    # `composite-keys` has few keys on purpose.
    sizes = ["workload.items=100", "workload.changes=200"] if name != "composite-keys" else []
    operations = generate(load_scenario(name, overrides=sizes), VirtualClock(seed=9))
    lines = b"".join(operation.serialise() + b"\\n" for operation in operations)
    print(name, hashlib.sha256(lines).hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            check=True,
        ).stdout.decode()
        for hash_seed, zone in (("1", "UTC"), ("4242", "Asia/Tokyo"))
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(names())


def test_serialised_operations_do_not_depend_on_faker_being_used_before() -> None:
    first = hashlib.sha256(b"".join(o.serialise() for o in operations_of("all-types"))).hexdigest()
    operations_of("large", "workload.items=50", "workload.changes=50")
    second = hashlib.sha256(b"".join(o.serialise() for o in operations_of("all-types"))).hexdigest()
    assert first == second


def test_keys_that_run_out_while_drawing_are_named() -> None:
    narrow = 'item.id={ faker = "word" }'
    with pytest.raises(ScenarioError) as caught:
        operations_of("hot-key", narrow, "workload.items=5000")
    message = str(caught.value)
    assert message.startswith(
        "hot-key: item: expected a new key within 10,000 draws, found only the "
    )
    assert message.endswith(
        "that id have given already (widen the key attributes' providers "
        "(sequence = 'u-{n}' never runs out) or lower workload.items)"
    )


@pytest.mark.slow
def test_the_large_workload_is_drawn_within_seconds() -> None:
    scenario = load_scenario("large")
    # Of this process's own time: the machine may be busy with other things.
    start = process_time()
    assert len(generate(scenario, VirtualClock(seed=scenario.seed))) == 200_000
    assert process_time() - start < 15
