"""Kinesis: split, merge, lineage and ListShards, as consumers need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error, expect_keys
from harness.conformance.kinesis_reading import (
    FIRST,
    HASH_KEYS,
    ids,
    merge,
    number_of,
    put,
    read,
    shards,
    split,
)

if TYPE_CHECKING:
    from typing import Any

    from harness.conformance.lab import Lab

SPLIT = KINESIS_API + "API_SplitShard.html"
MERGE = KINESIS_API + "API_MergeShards.html"
RESHARDED = KINESIS_GUIDE + "kinesis-using-sdk-java-after-resharding.html"
GET_RECORDS = KINESIS_API + "API_GetRecords.html"
LEFT, RIGHT, MERGED = "shardId-000000000001", "shardId-000000000002", "shardId-000000000003"
HALF = HASH_KEYS // 2


def _by_id(lab: Lab, stream: str) -> dict[str, dict[str, Any]]:
    return {one["ShardId"]: one for one in shards(lab, stream)}


@case("kinesis.split.parent-keeps-unread-records", RESHARDED)
def parent_keeps_unread_records(lab: Lab) -> None:
    """After a split the parent's records are read from the parent, the later ones from children."""
    name = lab.stream()
    for data in ("a", "b"):
        put(lab, name, data, at=0)
    split(lab, name)
    put(lab, name, "c", at=0)
    put(lab, name, "d", at=HALF)
    found = {shard: read(lab, name, shard)[0] for shard in (FIRST, LEFT, RIGHT)}
    expect_equal(found, {FIRST: ["a", "b"], LEFT: ["c"], RIGHT: ["d"]}, "records by shard")


@case("kinesis.split.parent-keeps-sequence-numbers", RESHARDED)
def parent_keeps_sequence_numbers(lab: Lab) -> None:
    """A split changes no sequence number: a checkpoint in the parent stays good."""
    name = lab.stream()
    numbers = [put(lab, name, data, at=0)["SequenceNumber"] for data in ("a", "b")]
    split(lab, name)
    found = read(lab, name, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0])[0]
    expect_equal(found, ["b"], "records after the first one's number")


@case("kinesis.split.ranges-of-children", SPLIT)
def ranges_of_children(lab: Lab) -> None:
    """The children divide the parent's hash range at NewStartingHashKey."""
    name = lab.stream()
    split(lab, name, at=1000)
    found = {key: shard["HashKeyRange"] for key, shard in _by_id(lab, name).items()}
    expect_equal(
        found[LEFT], {"StartingHashKey": "0", "EndingHashKey": "999"}, "range of the first child"
    )
    expect_equal(
        found[RIGHT],
        {"StartingHashKey": "1000", "EndingHashKey": str(HASH_KEYS - 1)},
        "range of the second child",
    )


@case("kinesis.split.children-name-their-parent", KINESIS_API + "API_Shard.html")
def children_name_their_parent(lab: Lab) -> None:
    """Children of a split have ParentShardId and no AdjacentParentShardId."""
    name = lab.stream()
    split(lab, name)
    child = _by_id(lab, name)[LEFT]
    members = {"ShardId", "ParentShardId", "HashKeyRange", "SequenceNumberRange"}
    expect_keys(child, members, "a child")
    expect_equal(child["ParentShardId"], FIRST, "ParentShardId")


@case("kinesis.split.parent-has-ending-number", RESHARDED)
def parent_has_ending_number(lab: Lab) -> None:
    """The closed parent stays listed, with an EndingSequenceNumber; its children have none."""
    name = lab.stream()
    last = int(put(lab, name, "a")["SequenceNumber"])
    split(lab, name)
    found = _by_id(lab, name)
    ending = found[FIRST]["SequenceNumberRange"].get("EndingSequenceNumber")
    expect(ending is not None, "an EndingSequenceNumber of the parent")
    expect(int(ending) > last, "it to be past the last record")
    expect_keys(found[LEFT]["SequenceNumberRange"], {"StartingSequenceNumber"}, "a child's range")


@case("kinesis.split.children-start-after-parent", RESHARDED)
def children_start_after_parent(lab: Lab) -> None:
    """Children's sequence numbers are greater than all of their parent's."""
    name = lab.stream()
    last = int(put(lab, name, "a", at=0)["SequenceNumber"])
    split(lab, name)
    child = _by_id(lab, name)[LEFT]
    expect(number_of(child) > last, "the child's starting number past the parent's last record")
    later = int(put(lab, name, "b", at=0)["SequenceNumber"])
    expect(later > number_of(child) > last, "a later record's number greater still")


@case("kinesis.split.closed-shard-ends-with-children", GET_RECORDS)
def closed_shard_ends_with_children(lab: Lab) -> None:
    """At the end of a closed shard NextShardIterator is missing and ChildShards name the children."""
    name = lab.stream()
    put(lab, name, "a", at=0)
    split(lab, name)
    texts, answer = read(lab, name)
    expect_equal(texts, ["a"], "records of the parent")
    expect(answer.get("NextShardIterator") is None, "no NextShardIterator at the end")
    expect_equal(
        answer.get("ChildShards"),
        [
            {
                "ShardId": LEFT,
                "ParentShards": [FIRST],
                "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HALF - 1)},
            },
            {
                "ShardId": RIGHT,
                "ParentShards": [FIRST],
                "HashKeyRange": {
                    "StartingHashKey": str(HALF),
                    "EndingHashKey": str(HASH_KEYS - 1),
                },
            },
        ],
        "ChildShards",
    )


@case("kinesis.split.closed-shard-can-be-read-again", RESHARDED)
def closed_shard_can_be_read_again(lab: Lab) -> None:
    """A closed shard gives iterators of every type; LATEST is at its end."""
    name = lab.stream()
    put(lab, name, "a")
    split(lab, name)
    expect_equal(read(lab, name)[0], ["a"], "records from TRIM_HORIZON")
    texts, answer = read(lab, name, kind="LATEST")
    expect_equal(texts, [], "records from LATEST")
    expect(answer.get("NextShardIterator") is None, "no NextShardIterator at the end")


@case("kinesis.split.hash-key-bounds", SPLIT)
def hash_key_bounds(lab: Lab) -> None:
    """NewStartingHashKey must be greater than start plus one and less than the end."""
    name = lab.stream()
    account = lab.stream_arn(name).split(":")[4]
    expect_error(
        lambda: lab.kinesis.split_shard(
            StreamName=name, ShardToSplit=FIRST, NewStartingHashKey="1"
        ),
        "InvalidArgumentException",
        f"NewStartingHashKey 1 used in SplitShard() on shard {FIRST} in stream {name} under account"
        f" {account} is not both greater than one plus the shard's StartingHashKey 0 and less than"
        f" the shard's EndingHashKey {HASH_KEYS - 1}.",
    )


@case("kinesis.split.of-a-closed-shard", SPLIT)
def split_of_a_closed_shard(lab: Lab) -> None:
    """A closed shard cannot be split again."""
    name = lab.stream()
    split(lab, name)
    expect_error(
        lambda: lab.kinesis.split_shard(
            StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF)
        ),
        "InvalidArgumentException",
    )


@case("kinesis.split.while-updating", SPLIT, alone=True)
def split_while_updating(lab: Lab) -> None:
    """A stream that is UPDATING takes records, and refuses another split as in use."""
    lab.settings(kinesis={"update_seconds": 60.0})
    name = lab.stream()
    lab.kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF))
    expect_equal(lab.describe_stream(name)["StreamStatus"], "UPDATING", "status after SplitShard")
    put(lab, name, "meanwhile")
    expect_error(
        lambda: lab.kinesis.split_shard(
            StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(HALF)
        ),
        "ResourceInUseException",
        containing="not ACTIVE, instead in state UPDATING",
    )
    lab.let_pass(61)
    lab.wait_for_stream(name)
    found = [text for shard in ids(shards(lab, name)) for text in read(lab, name, shard)[0]]
    expect_equal(found, ["meanwhile"], "records of all shards")


@case("kinesis.merge.child-names-both-parents", MERGE)
def merge_child(lab: Lab) -> None:
    """The child of a merge has ParentShardId, AdjacentParentShardId and both ranges."""
    name = lab.stream(2)
    merge(lab, name, FIRST, LEFT)
    child = _by_id(lab, name)[RIGHT]
    expect_equal(child.get("ParentShardId"), FIRST, "ParentShardId")
    expect_equal(child.get("AdjacentParentShardId"), LEFT, "AdjacentParentShardId")
    expect_equal(
        child["HashKeyRange"],
        {"StartingHashKey": "0", "EndingHashKey": str(HASH_KEYS - 1)},
        "range of the child",
    )


@case("kinesis.merge.both-parents-end-in-the-child", GET_RECORDS)
def both_parents_end_in_the_child(lab: Lab) -> None:
    """Each parent of a merge ends with the same child, which names both parents."""
    name = lab.stream(2)
    put(lab, name, "a", at=0)
    put(lab, name, "b", at=HALF)
    merge(lab, name, FIRST, LEFT)
    for parent, data in ((FIRST, "a"), (LEFT, "b")):
        texts, answer = read(lab, name, parent)
        expect_equal(texts, [data], f"records of {parent}")
        children = answer.get("ChildShards") or []
        expect_equal(ids(children), [RIGHT], f"children of {parent}")
        expect_equal(sorted(children[0]["ParentShards"]), [FIRST, LEFT], "its parents")


@case("kinesis.merge.of-shards-that-do-not-touch", MERGE)
def merge_of_distant_shards(lab: Lab) -> None:
    """Shards whose hash ranges do not touch cannot be merged."""
    name = lab.stream(3)
    expect_error(
        lambda: lab.kinesis.merge_shards(
            StreamName=name, ShardToMerge=FIRST, AdjacentShardToMerge=RIGHT
        ),
        "InvalidArgumentException",
    )


@case("kinesis.lineage.three-generations", RESHARDED)
def three_generations(lab: Lab) -> None:
    """Split and merge again: parents before children gives each key's records in order."""
    name = lab.stream()
    put(lab, name, "1", at=0)
    split(lab, name)
    put(lab, name, "2", at=0)
    merge(lab, name, LEFT, RIGHT)
    put(lab, name, "3", at=0)
    order = ids(shards(lab, name))
    expect_equal(order, [FIRST, LEFT, RIGHT, MERGED], "shards")
    texts = [text for shard in order for text in read(lab, name, shard)[0]]
    expect_equal(texts, ["1", "2", "3"], "records, parents first")


@case("kinesis.update-shard-count.doubles", KINESIS_API + "API_UpdateShardCount.html")
def update_shard_count(lab: Lab) -> None:
    """UpdateShardCount answers the counts, and the open shards tile the range evenly again."""
    name = lab.stream(2)
    answer = lab.kinesis.update_shard_count(
        StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    expect_equal(answer["CurrentShardCount"], 2, "CurrentShardCount")
    expect_equal(answer["TargetShardCount"], 4, "TargetShardCount")
    lab.wait_for_stream(name)
    open_ = [s for s in shards(lab, name) if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
    starts = sorted(int(one["HashKeyRange"]["StartingHashKey"]) for one in open_)
    expect_equal(starts, [HASH_KEYS // 4 * at for at in range(4)], "starts of the open shards")


@case("kinesis.update-shard-count.more-than-double", KINESIS_API + "API_UpdateShardCount.html")
def more_than_double(lab: Lab) -> None:
    """More than twice the shards, or less than half, is refused."""
    name = lab.stream(2)
    for target in (5, 0):
        try:
            lab.kinesis.update_shard_count(
                StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        except lab.kinesis.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            known = ("InvalidArgumentException", "LimitExceededException", "ValidationException")
            expect(code in known, f"a refusal, not {code}")
        else:
            expect(False, f"a target of {target} for 2 shards to be refused")
