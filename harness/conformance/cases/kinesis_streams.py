"""Kinesis: creating, describing and deleting streams; names, ARNs and error sentences."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from harness.conformance.case import KINESIS_API, KINESIS_GUIDE, case
from harness.conformance.expect import (
    expect,
    expect_equal,
    expect_error,
    expect_keys,
    expect_matches,
)
from harness.conformance.kinesis_reading import HASH_KEYS, ids, put, shards

if TYPE_CHECKING:
    from harness.conformance.lab import Lab


@case("kinesis.create.shards-tile-the-hash-range", KINESIS_API + "API_HashKeyRange.html")
def shards_tile_the_hash_range(lab: Lab) -> None:
    """The shards' hash ranges cover 0 to 2^128-1 without gap, and the last one takes the rest."""
    listed = shards(lab, lab.stream(3))
    ranges = [
        (s["HashKeyRange"]["StartingHashKey"], s["HashKeyRange"]["EndingHashKey"]) for s in listed
    ]
    third = HASH_KEYS // 3
    expect_equal(
        ranges,
        [
            ("0", str(third - 1)),
            (str(third), str(2 * third - 1)),
            (str(2 * third), str(HASH_KEYS - 1)),
        ],
        "hash ranges of three shards",
    )


@case("kinesis.create.shard-ids-are-twelve-digits", KINESIS_API + "API_Shard.html")
def shard_ids_are_twelve_digits(lab: Lab) -> None:
    """First shards are named shardId-000000000000, shardId-000000000001 and so on."""
    found = ids(shards(lab, lab.stream(2)))
    expect_equal(found, ["shardId-000000000000", "shardId-000000000001"], "shard ids")


@case("kinesis.create.first-shards-have-no-parents", KINESIS_API + "API_Shard.html")
def first_shards_have_no_parents(lab: Lab) -> None:
    """A first shard shows its id, hash range and starting sequence number, and nothing else."""
    shard = shards(lab, lab.stream(1))[0]
    expect_keys(shard, {"ShardId", "HashKeyRange", "SequenceNumberRange"}, "an open first shard")
    expect_keys(shard["SequenceNumberRange"], {"StartingSequenceNumber"}, "its sequence range")


@case("kinesis.create.sequence-numbers-are-56-digits", KINESIS_API + "API_SequenceNumberRange.html")
def sequence_numbers_are_56_digits(lab: Lab) -> None:
    """Starting sequence numbers have 56 digits, those of neighbours differ by a fixed amount."""
    starts = [
        s["SequenceNumberRange"]["StartingSequenceNumber"] for s in shards(lab, lab.stream(2))
    ]
    for start in starts:
        expect_matches(start, r"\d{56}", "starting sequence number")
    expect_equal(
        int(starts[1]) - int(starts[0]),
        22300745198530623141535718272648361505980432,
        "difference of two shards created together",
    )


@case("kinesis.create.without-count-is-on-demand", KINESIS_API + "API_CreateStream.html")
def without_count_is_on_demand(lab: Lab) -> None:
    """A stream created without ShardCount is on demand and has four shards."""
    name = lab.name("stream")
    lab.kinesis.create_stream(StreamName=name)
    lab.forget_stream(name)
    lab.wait_for_stream(name)
    described = lab.describe_stream(name)
    expect_equal(described["StreamModeDetails"], {"StreamMode": "ON_DEMAND"}, "mode")
    expect_equal(described["OpenShardCount"], 4, "open shards")


@case("kinesis.create.twice-is-in-use", KINESIS_API + "API_CreateStream.html")
def twice_is_in_use(lab: Lab) -> None:
    """A second CreateStream of a name is a ResourceInUseException that names stream and account."""
    name = lab.stream()
    account = lab.stream_arn(name).split(":")[4]
    expect_error(
        lambda: lab.kinesis.create_stream(StreamName=name, ShardCount=1),
        "ResourceInUseException",
        f"Stream {name} under account {account} already exists.",
        status=400,
    )


@case("kinesis.create.is-asynchronous", KINESIS_API + "API_CreateStream.html", alone=True)
def create_is_asynchronous(lab: Lab) -> None:
    """A new stream is CREATING at first and takes no records until it is ACTIVE."""
    lab.settings(kinesis={"create_seconds": 60.0})
    name = lab.name("stream")
    lab.kinesis.create_stream(StreamName=name, ShardCount=1)
    lab.forget_stream(name)
    expect_equal(lab.describe_stream(name)["StreamStatus"], "CREATING", "status at once")
    expect_error(lambda: put(lab, name, "early"), "ResourceNotFoundException")
    lab.let_pass(61)
    lab.wait_for_stream(name)
    put(lab, name, "late")


@case("kinesis.create.write-answers-have-empty-bodies", KINESIS_API + "API_CreateStream.html")
def write_answers_are_empty(lab: Lab) -> None:
    """An operation without output answers 200 with a body of no bytes."""
    name = lab.name("stream")
    answer = lab.kinesis.create_stream(StreamName=name, ShardCount=1)
    lab.forget_stream(name)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    expect_equal(headers.get("content-length"), "0", "content-length of CreateStream's answer")


@case("kinesis.answers.have-request-ids", KINESIS_API + "CommonErrors.html")
def answers_have_request_ids(lab: Lab) -> None:
    """Every answer has an x-amzn-requestid, a UUID, and an x-amz-id-2."""
    headers = lab.kinesis.list_streams()["ResponseMetadata"]["HTTPHeaders"]
    expect_matches(
        headers.get("x-amzn-requestid"), r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "id"
    )
    extended = b64decode(headers.get("x-amz-id-2", ""))
    expect(64 <= len(extended) <= 80, f"64 to 80 bytes of x-amz-id-2, not {len(extended)}")


@case("kinesis.errors.unknown-stream", KINESIS_API + "API_PutRecord.html")
def unknown_stream(lab: Lab) -> None:
    """PutRecord to an unknown stream names the stream and the account."""
    account = lab.stream_arn(lab.stream()).split(":")[4]
    expect_error(
        lambda: put(lab, "no-such-stream", "x"),
        "ResourceNotFoundException",
        f"Stream no-such-stream under account {account} not found.",
        status=400,
    )


@case("kinesis.errors.iterator-of-unknown-stream", KINESIS_API + "API_GetShardIterator.html")
def iterator_of_unknown_stream(lab: Lab) -> None:
    """GetShardIterator on an unknown stream says that the shard in it does not exist."""
    account = lab.stream_arn(lab.stream()).split(":")[4]
    expect_error(
        lambda: lab.kinesis.get_shard_iterator(
            StreamName="no-such-stream",
            ShardId="shardId-000000000000",
            ShardIteratorType="LATEST",
        ),
        "ResourceNotFoundException",
        f"Shard shardId-000000000000 in stream no-such-stream under account {account}"
        " does not exist",
    )


@case("kinesis.errors.iterator-of-unknown-shard", KINESIS_API + "API_GetShardIterator.html")
def iterator_of_unknown_shard(lab: Lab) -> None:
    """GetShardIterator on an unknown shard names it in full."""
    name = lab.stream()
    account = lab.stream_arn(name).split(":")[4]
    expect_error(
        lambda: lab.kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000007", ShardIteratorType="LATEST"
        ),
        "ResourceNotFoundException",
        f"Shard shardId-000000000007 in stream {name} under account {account} does not exist",
    )


@case("kinesis.errors.validation-lists-every-fault", KINESIS_API + "CommonErrors.html")
def validation_lists_every_fault(lab: Lab) -> None:
    """A request with two faults is refused with both, counted, in one ValidationException."""
    error = expect_error(
        lambda: lab.kinesis.get_shard_iterator(
            StreamName="", ShardId="shardId-000000000000", ShardIteratorType="NEWEST"
        ),
        "ValidationException",
        containing="failed to satisfy constraint",
    )
    message = error["Error"]["Message"]
    expect("validation errors detected" in message, f"a count of errors in {message!r}")
    expect("'streamName'" in message, f"'streamName' in {message!r}")
    expect("'shardIteratorType'" in message, f"'shardIteratorType' in {message!r}")


@case("kinesis.describe.stream-by-arn", KINESIS_API + "API_DescribeStreamSummary.html")
def stream_by_arn(lab: Lab) -> None:
    """StreamARN may stand wherever StreamName does."""
    name = lab.stream()
    arn = lab.stream_arn(name)
    expect_matches(arn, rf"arn:aws:kinesis:[a-z0-9-]+:\d{{12}}:stream/{name}", "stream ARN")
    described = lab.kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    expect_equal(described["StreamName"], name, "stream described by its ARN")
    answer = lab.kinesis.put_record(StreamARN=arn, Data=b"x", PartitionKey="k")
    expect_equal(answer["ShardId"], "shardId-000000000000", "shard of a put by ARN")


@case("kinesis.describe.summary-members", KINESIS_API + "API_StreamDescriptionSummary.html")
def summary_members(lab: Lab) -> None:
    """DescribeStreamSummary tells retention, mode, encryption, shards and consumers."""
    described = lab.describe_stream(lab.stream(2))
    expect_equal(described["RetentionPeriodHours"], 24, "retention")
    expect_equal(described["OpenShardCount"], 2, "open shards")
    expect_equal(described["ConsumerCount"], 0, "consumers")
    expect_equal(described["EncryptionType"], "NONE", "encryption")
    expect_equal(described["StreamModeDetails"], {"StreamMode": "PROVISIONED"}, "mode")


@case("kinesis.describe.pages-of-shards", KINESIS_API + "API_DescribeStream.html")
def describe_pages(lab: Lab) -> None:
    """DescribeStream gives Limit shards, HasMoreShards, and goes on after ExclusiveStartShardId."""
    name = lab.stream(3)
    first = lab.kinesis.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    expect_equal(len(first["Shards"]), 2, "shards of the first page")
    expect_equal(first["HasMoreShards"], True, "HasMoreShards of the first page")
    last = lab.kinesis.describe_stream(
        StreamName=name, ExclusiveStartShardId=first["Shards"][-1]["ShardId"]
    )["StreamDescription"]
    expect_equal(ids(last["Shards"]), ["shardId-000000000002"], "shards of the last page")
    expect_equal(last["HasMoreShards"], False, "HasMoreShards of the last page")


@case("kinesis.list-streams.pages", KINESIS_API + "API_ListStreams.html")
def list_streams_pages(lab: Lab) -> None:
    """ListStreams goes on after ExclusiveStartStreamName, in the order of names."""
    names = sorted([lab.stream(), lab.stream()])
    answer = lab.kinesis.list_streams(ExclusiveStartStreamName=names[0][:-1], Limit=1)
    expect_equal(answer["StreamNames"], [names[0]], "first name after the start")
    later = lab.kinesis.list_streams(ExclusiveStartStreamName=names[0])["StreamNames"]
    expect(names[1] in later and names[0] not in later, "the start itself left out, the next in")


@case("kinesis.delete.stream-is-gone", KINESIS_API + "API_DeleteStream.html")
def deleted_stream_is_gone(lab: Lab) -> None:
    """A deleted stream is DELETING and then unknown."""
    name = lab.stream()
    lab.kinesis.delete_stream(StreamName=name)

    def gone() -> bool:
        try:
            return bool(lab.describe_stream(name)["StreamStatus"] != "DELETING")
        except lab.kinesis.exceptions.ResourceNotFoundException:
            return True

    lab.wait(gone, f"stream {name} to go")
    expect_error(lambda: lab.describe_stream(name), "ResourceNotFoundException")


@case("kinesis.resource-policy.kept-as-given", KINESIS_API + "API_GetResourcePolicy.html")
def resource_policy(lab: Lab) -> None:
    """Without a policy GetResourcePolicy answers `{}`, and a policy that was put as it was given."""
    arn = lab.stream_arn(lab.stream())
    expect_equal(lab.kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "{}", "no policy")
    account = arn.split(":")[4]
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":"'
        f'{account}"}},"Action":["kinesis:DescribeStreamSummary"],"Resource":"{arn}"}}]}}'
    )
    lab.kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    expect_equal(lab.kinesis.get_resource_policy(ResourceARN=arn)["Policy"], policy, "the policy")
    lab.kinesis.delete_resource_policy(ResourceARN=arn)
    expect_equal(lab.kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "{}", "after deletion")


@case("kinesis.retention.bounds", KINESIS_API + "API_DecreaseStreamRetentionPeriod.html")
def retention_bounds(lab: Lab) -> None:
    """Retention may be 24 to 8,760 hours; less is refused in AWS's words."""
    name = lab.stream()
    lab.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
    lab.wait_for_stream(name)
    expect_equal(lab.describe_stream(name)["RetentionPeriodHours"], 8760, "retention")
    expect_error(
        lambda: lab.kinesis.decrease_stream_retention_period(
            StreamName=name, RetentionPeriodHours=23
        ),
        "InvalidArgumentException",
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is"
        " too short.",
    )


@case("kinesis.retention.direction", KINESIS_API + "API_IncreaseStreamRetentionPeriod.html")
def retention_direction(lab: Lab) -> None:
    """IncreaseStreamRetentionPeriod below the current one is refused, to the same it is taken."""
    name = lab.stream()
    lab.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    lab.wait_for_stream(name)
    lab.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    lab.wait_for_stream(name)
    expect_error(
        lambda: lab.kinesis.increase_stream_retention_period(
            StreamName=name, RetentionPeriodHours=30
        ),
        "InvalidArgumentException",
    )
    expect_error(
        lambda: lab.kinesis.decrease_stream_retention_period(
            StreamName=name, RetentionPeriodHours=72
        ),
        "InvalidArgumentException",
    )


@case("kinesis.tags.added-listed-removed", KINESIS_GUIDE + "tagging.html")
def tags(lab: Lab) -> None:
    """Tags of a stream are listed in the order of their keys and can be removed."""
    name = lab.stream()
    lab.kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "2", "a": "1"})
    listed = lab.kinesis.list_tags_for_stream(StreamName=name)["Tags"]
    expect_equal(listed, [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], "tags")
    lab.kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a"])
    listed = lab.kinesis.list_tags_for_stream(StreamName=name)["Tags"]
    expect_equal(listed, [{"Key": "b", "Value": "2"}], "tags left")
