"""Page tokens: they remember what was asked and where the next page begins, for 300 seconds.

Source: API reference, ListShards and ListStreamConsumers (ExpiredNextTokenException).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.awsjson import AwsError
from harness.kinesis.tokens import BadToken, seal, unseal

if TYPE_CHECKING:
    from harness.kinesis.account import Account

Json = dict[str, Any]

LIFETIME_MS = 300_000


def issue(account: Account, kind: str, content: Json) -> str:
    """A NextToken of an operation, good for five minutes."""
    return seal(kind, orjson.dumps({"issued_ms": account.clock.now_ms(), **content}).decode())


def redeem(account: Account, kind: str, token: str) -> Json:
    """What `issue` put into the token.

    Raises:
        AwsError: InvalidArgumentException, ExpiredNextTokenException.
    """
    try:
        content: Json = orjson.loads(unseal(kind, token))
    except BadToken as error:
        raise AwsError("InvalidArgumentException", "Invalid NextToken.") from error
    age_ms = account.clock.now_ms() - content["issued_ms"]
    if age_ms > LIFETIME_MS:
        raise AwsError(
            "ExpiredNextTokenException",
            f"NextToken expired. It was issued {age_ms} milliseconds ago, which is further in the"
            f" past than the tolerated delay of {LIFETIME_MS} milliseconds.",
        )
    return content


def page_of(
    account: Account, kind: str, names: list[str], payload: Json, limit: int
) -> tuple[list[str], str]:
    """One page of sorted `names`, and the token for the next; empty when this is the last."""
    token: str | None = payload.get("NextToken")
    if token is not None:
        after = redeem(account, kind, token)["after"]
        names = [name for name in names if name > after]
    if len(names) <= limit:
        return names, ""
    return names[:limit], issue(account, kind, {"after": names[limit - 1]})
