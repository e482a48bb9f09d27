"""What a behaviour check is, and the list of all of them.

A case is a function that gets a `Lab` and returns when the endpoint behaves as AWS does:

    @case("kinesis.get-records.oldest-first", KINESIS_API + "API_GetRecords.html")
    def oldest_first(lab: Lab) -> None:
        \"\"\"GetRecords returns a shard's records in the order of their sequence numbers.\"\"\"

Its docstring is the sentence that reports show. It makes what it needs, leaves nothing behind and
knows nothing of other cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.conformance.lab import Lab

AWS_DOCS = "https://docs.aws.amazon.com/"
KINESIS_API = AWS_DOCS + "kinesis/latest/APIReference/"
KINESIS_GUIDE = AWS_DOCS + "streams/latest/dev/"
DYNAMODB_API = AWS_DOCS + "amazondynamodb/latest/APIReference/"
DYNAMODB_GUIDE = AWS_DOCS + "amazondynamodb/latest/developerguide/"
S3_API = AWS_DOCS + "AmazonS3/latest/API/"
S3_GUIDE = AWS_DOCS + "AmazonS3/latest/userguide/"

GROUPS = ("kinesis", "streams", "destination", "export-import", "dynamodb-writes", "ttl", "s3")

Verdict = Literal["pass", "fail", "unsupported"]


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour of AWS.

    Attributes:
        id: group, topic and claim, joined by dots.
        sentence: the claim in words.
        source: the AWS page that it rests on.
        alone: it moves the clock or changes settings, so nothing may run beside it.
        check: raises when the claim does not hold.
    """

    id: str
    sentence: str
    source: str
    alone: bool
    check: Callable[[Lab], None]

    @property
    def group(self) -> str:
        """The part of AWS, one of `GROUPS`."""
        return self.id.partition(".")[0]


class Unsupported(Exception):  # noqa: N818 - a verdict, not an error
    """The endpoint does not offer what a case needs; the text says what."""


_cases: dict[str, Case] = {}


def case(
    case_id: str, source: str, *, alone: bool = False
) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    """Register a function as a case.

    Args:
        case_id: see `Case.id`; unique.
        source: see `Case.source`.
        alone: see `Case.alone`.
    """

    def register(check: Callable[[Lab], None]) -> Callable[[Lab], None]:
        sentence = " ".join((check.__doc__ or "").split())
        if case_id in _cases or case_id.partition(".")[0] not in GROUPS or not sentence:
            raise ValueError(f"case {case_id}: known already, in no group, or without a sentence")
        _cases[case_id] = Case(case_id, sentence, source, alone, check)
        return check

    return register


def all_cases() -> list[Case]:
    """Every case, by group and then by id."""
    import harness.conformance.cases as _  # noqa: F401 - they register themselves

    return sorted(_cases.values(), key=lambda one: (GROUPS.index(one.group), one.id))
