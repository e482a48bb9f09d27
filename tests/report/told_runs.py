"""Run directories written by hand, for the pages made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.explain.story import Story

if TYPE_CHECKING:
    from pathlib import Path

EVIL = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=2">',
    "</script><script>window.hacked=3</script>",
    "' onmouseover='window.hacked=4' x='",
    "javascript:window.hacked=5",
    "<!--</style><svg onload=window.hacked=6>",
    "{{ 7 * 7 }}",
)
"""What a stranger may write into an attribute, a key, a name or a log."""


def failed_run(folder: Path, *, keys: int = 12) -> Path:
    """A run in which most keys are stale, one is missing, and a fault was met."""
    story = Story()
    story.add("phase", name="changes", state="started")
    story.start()
    lines: list[dict[str, Any]] = []
    for n in range(keys):
        key = f"key-{n}"
        one, two = story.write(key), story.write(key, after_us=20)
        first = story.deliver(key, two)
        last = story.deliver(key, one, copy=n % 2)
        story.read(first, last)
        story.insert(2, fault="lost-answer" if n == 1 else "", status=200)
        lines.append(_end(key, f"w{2 * n:06d}", f"w{2 * n + 1:06d}", missing=n == 3))
    story.write("well")
    story.write("unlisted")
    story.add("settled", how="stalled", seconds=1.0)
    lines.append(
        {"key": {"id": "well"}, "source": {"id": "well"}, "found": {"id": "well"}, "rows": []}
    )
    story.write_to(folder, keys=lines, verdict=_verdict("failed", [line["key"] for line in lines]))
    return folder


def evil_run(folder: Path) -> Path:
    """A run in which every name and every value wants to be code."""
    story = Story()
    lines: list[dict[str, Any]] = []
    for n, evil in enumerate(EVIL):
        one = story.write(evil)
        story.deliver(evil, one)
        story.add(
            "fault",
            fault=evil,
            had_effect=True,
            service=evil,
            operation=evil,
            subject=evil,
            ordinal=0,
        )
        story.add("pipeline", incarnation=1, state=evil, said=evil)
        story.add("operator", act=evil, parents=[evil])
        story.add("phase", name=evil, state="started", after_us=100_000)
        cells = {"id": evil, evil: evil}
        line = _end(evil, f"w{n:06d}", evil, missing=False)
        line |= {
            "source": cells,
            "found": {**cells, evil: evil + "!"},
            "wrong": [evil],
            "what": evil,
        }
        line["differ"] = evil
        line["rows"][0]["id"] = evil
        lines.append(line)
    verdict = _verdict("failed", [line["key"] for line in lines])
    evil = EVIL[0]
    verdict |= {
        "reason": evil, "scenario": EVIL[1], "pipeline": EVIL[2], "notes": list(EVIL),
        "pipeline_log": list(EVIL), "sightings": dict.fromkeys(EVIL, 1), "replay": EVIL[3],
        "backends": dict.fromkeys(EVIL, EVIL[4]), "counts": {EVIL[1]: 3},
        "seconds": {EVIL[2]: 1.0}, "expected_failures": list(EVIL),
    }  # fmt: skip
    verdict["checks"][0] |= {"name": EVIL[3], "message": EVIL[2], "verdict": "fail"}
    story.write_to(folder, keys=lines, verdict=verdict)
    head, *rest = (folder / "keys.jsonl").read_bytes().splitlines(keepends=True)
    told = orjson.loads(head) | {"columns": {evil: evil, "id": EVIL[1]}}
    (folder / "keys.jsonl").write_bytes(orjson.dumps(told) + b"\n" + b"".join(rest))
    scenario = orjson.loads((folder / "scenario.json").read_bytes())
    scenario |= {"description": EVIL[5], "target": {"table": EVIL[0]}}
    (folder / "scenario.json").write_bytes(orjson.dumps(scenario))
    return folder


def big_run(folder: Path, events: int) -> Path:
    """A run of so many events; a thousand of its keys differ."""
    folder.mkdir(parents=True)
    changes, keys, at = events // 3, events // 10, 1_700_000_000_000_000
    shard, first = "shardId-000000000000", 10**55
    with (folder / "history.jsonl").open("wb") as out:

        def add(event: str, **members: Any) -> None:
            out.write(orjson.dumps({"at": at, "event": event, **members}) + b"\n")

        add("pipeline", incarnation=1, state="started")
        for n in range(changes):
            at += 150
            key = {"id": {"S": f"key-{n % keys}"}}
            add(
                "write", number=n, kind="put", phase="after", key=key, id=f"w{n:06d}", counter=1,
                started_us=at, outcome="acked", error="",
            )  # fmt: skip
            add("change", number=n, key=key, kind="PUT", time_us=at)
            add(
                "delivery", number=n, key=key, kind="PUT", copy=0, outcome="delivered",
                shard=shard, sequence_number=str(first + n),
            )  # fmt: skip
            if n % 1000 == 999:
                page = {"records": 1000, "first": str(first + n - 999), "last": str(first + n)}
                asked = {"service": "kinesis", "operation": "GetRecords", "subject": shard}
                add("request", **asked, status=200, **page)
    lines = [_end(f"key-{n}", f"w{n:06d}", f"w{n + keys:06d}", missing=False) for n in range(1000)]
    head = {"keys": keys, "kept": 1000, "differ": 5000, "columns": {"id": "String", "_w": "String"}}
    body = b"".join(orjson.dumps(line) + b"\n" for line in [head, *lines])
    (folder / "keys.jsonl").write_bytes(body)
    schema = [{"attribute_name": "id", "key_type": "HASH"}]
    scenario = {"name": "big", "table": {"key_schema": schema}, "target": {"table": "orders"}}
    (folder / "scenario.json").write_bytes(orjson.dumps(scenario))
    verdict = _verdict("failed", [{"id": "key-7"}])
    (folder / "verdict.json").write_bytes(orjson.dumps(verdict))
    return folder


def _end(key: str, shown: str, wanted: str, *, missing: bool) -> dict[str, Any]:
    source = {"id": key, "total": "12.50", "_w": wanted}
    found = {"id": key, "total": "12.5000001", "_w": shown}
    return {
        "key": {"id": key},
        "differ": "missing" if missing else "stale",
        "what": "DynamoDB holds this item, ClickHouse shows no row" if missing
        else f"shows write {shown}, but {wanted} was the last",
        "wrong": [] if missing else ["total", "_w"],
        "source": source,
        "found": None if missing else found,
        "rows": [{"version": 5, "deleted": False, "id": shown, "counter": 1}],
    }  # fmt: skip


def _verdict(verdict: str, keys: list[dict[str, str]]) -> dict[str, Any]:
    checks = [
        {
            "name": "no_lost_update", "verdict": "fail", "could_fail": True,
            "message": "items show an older write", "keys": [{"key": key} for key in keys[:20]],
        },
        {
            "name": "no_resurrection", "verdict": "pass", "could_fail": False,
            "message": "0 deleted items, none shown", "keys": [],
        },
    ]  # fmt: skip
    return {
        "verdict": verdict, "reason": "failed no_lost_update", "scenario": "told",
        "pipeline": "clickpipes", "seed": 3, "checks": checks, "counts": {"items": len(keys)},
        "seconds": {"changes": 0.1, "total": 0.2}, "sightings": {"fault": 1}, "notes": [],
        "backends": {"aws": "embedded"}, "rates": {}, "pipeline_log": ["one line"],
        "replay": "harness run told --seed 3",
    }  # fmt: skip
