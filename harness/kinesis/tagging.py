"""Tags and resource policies, of streams and of consumers.

Source: API reference of each operation; kinesalite's tests for the sentences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from harness.awsjson import AwsError
from harness.kinesis.fanout import find_consumer

if TYPE_CHECKING:
    from harness.kinesis.account import Account

Json = dict[str, Any]

TAGS_MAX = 50
LISTED_TAGS = 50
_STRANGE = re.compile(r"[^\u00C0-\u1FFF\u2C00-\uD7FFA-Za-z0-9_./\-=+ @%]")


class Tagged(Protocol):
    """What can carry tags and a policy: a stream or a consumer."""

    tags: dict[str, str]
    policy: str


def add_tags_to_stream(account: Account, payload: Json) -> None:
    """AddTagsToStream."""
    stream = account.find(payload)
    tags: dict[str, str] = payload["Tags"]
    _check_letters([*tags, *tags.values()])
    refusal = (
        f"Failed to add tags to stream {stream.name} under account {account.account_id} because"
    )
    _check_percent([*tags, *tags.values()], refusal)
    if len({**stream.tags, **tags}) > TAGS_MAX:
        raise _invalid(
            # AWS's sentence kept the old limit when the limit rose to 50.
            f"{refusal} a given stream cannot have more than 10 tags associated with it."
        )
    stream.tags.update(tags)


def remove_tags_from_stream(account: Account, payload: Json) -> None:
    """RemoveTagsFromStream; tags that are not there do not matter."""
    stream = account.find(payload)
    keys: list[str] = payload["TagKeys"]
    _check_letters(keys)
    refusal = f"Failed to remove tags from stream {stream.name} under account {account.account_id} because"
    _check_percent(keys, refusal)
    for key in keys:
        stream.tags.pop(key, None)


def list_tags_for_stream(account: Account, payload: Json) -> Json:
    """ListTagsForStream, by key."""
    stream = account.find(payload)
    limit = payload.get("Limit", LISTED_TAGS)
    after = payload.get("ExclusiveStartTagKey", "")
    keys = sorted(key for key in stream.tags if key > after)
    tags = [{"Key": key, "Value": stream.tags[key]} for key in keys[:limit]]
    return {"Tags": tags, "HasMoreTags": len(keys) > limit}


def tag_resource(account: Account, payload: Json) -> None:
    """TagResource."""
    resource = _resource(account, payload)
    tags: dict[str, str] = payload["Tags"]
    _check_letters([*tags, *tags.values()])
    if len({**resource.tags, **tags}) > TAGS_MAX:
        raise _invalid(f"A resource cannot have more than {TAGS_MAX} tags associated with it.")
    resource.tags.update(tags)


def untag_resource(account: Account, payload: Json) -> None:
    """UntagResource."""
    resource = _resource(account, payload)
    for key in payload["TagKeys"]:
        resource.tags.pop(key, None)


def list_tags_for_resource(account: Account, payload: Json) -> Json:
    """ListTagsForResource."""
    tags = _resource(account, payload).tags
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}


def put_resource_policy(account: Account, payload: Json) -> None:
    """PutResourcePolicy: kept as given, and obeyed by nobody, for IAM is not emulated."""
    resource = _resource(account, payload)
    try:
        document = orjson.loads(payload["Policy"])
    except orjson.JSONDecodeError as error:
        raise _invalid("The policy is not valid JSON.") from error
    if not isinstance(document, dict):
        raise _invalid("The policy is not a JSON object.")
    resource.policy = payload["Policy"]


def get_resource_policy(account: Account, payload: Json) -> Json:
    """GetResourcePolicy: `{}` when none is set."""
    return {"Policy": _resource(account, payload).policy}


def delete_resource_policy(account: Account, payload: Json) -> None:
    """DeleteResourcePolicy."""
    _resource(account, payload).policy = "{}"


def _resource(account: Account, payload: Json) -> Tagged:
    arn: str = payload["ResourceARN"]
    if "/consumer/" in arn:
        return find_consumer(account, {"ConsumerARN": arn})[1]
    return account.find({"StreamARN": arn})


def _check_letters(texts: list[str]) -> None:
    if any(_STRANGE.search(text) for text in texts):
        raise _invalid(
            "Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @."
        )


def _check_percent(texts: list[str], refusal: str) -> None:
    if any("%" in text for text in texts):
        raise _invalid(
            f"{refusal} some tags contained illegal characters. The allowed characters are "
            "Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidArgumentException", text)
