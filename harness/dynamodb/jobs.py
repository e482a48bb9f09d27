"""What exports and imports have in common: asked for once by a token, done in slices, listed.

Source: DynamoDB API reference, ExportTableToPointInTime and ImportTable, ClientToken and the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from harness.awsjson import AwsError, Json
from harness.clock import SECOND_US
from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from harness.clock import Clock

NAMESPACE = "com.amazonaws.dynamodb.v20120810"
TOKEN_LIFE_US = 8 * 3600 * SECOND_US
PAGE_OF_JOBS = 25
# A timer due at once would run in the same turn of the event loop and let nobody else in.
PAUSE_SECONDS = 0.001


class Job(Protocol):
    """One export or import."""

    @property
    def arn(self) -> str:
        """Its name to AWS."""

    @property
    def client_token(self) -> str:
        """What it was asked for with."""

    @property
    def start_us(self) -> int:
        """When it was asked for, in microseconds since 1970."""


J = TypeVar("J", bound=Job)


class Jobs(Generic[J]):
    """All jobs of one kind of one account and Region.

    Args:
        kind: `Export` or `Import`, as AWS's errors begin.
        clock: times, and chance from the substream of the kind in small letters.

    Attributes:
        random: of ids, and of whatever else a job draws.
    """

    def __init__(self, kind: str, clock: Clock) -> None:
        self._kind = kind
        self._clock = clock
        self.random = clock.substream(kind.lower())
        self._jobs: dict[str, J] = {}
        self._asked: dict[str, tuple[Json, J]] = {}

    def new_id(self) -> str:
        """The last part of an ARN: the moment, and chance."""
        return f"0{self._clock.now_us() // 1000}-{self.random.getrandbits(32):08x}"

    def asked_before(self, request: Json, token: str | None) -> J | None:
        """The job that this token has started within its life.

        Raises:
            AwsError: it had been given with another request.
        """
        if token is None or token not in self._asked:
            return None
        known_request, known = self._asked[token]
        if self._clock.now_us() - known.start_us >= TOKEN_LIFE_US:
            return None
        if known_request != request:
            raise error(
                f"{self._kind}ConflictException",
                f"{self._kind} conflict: Duplicate request detected with conflicting parameters",
            )
        return known

    def add(self, job: J, request: Json) -> None:
        """Take a new job in."""
        self._jobs[job.arn] = job
        self._asked[job.client_token] = (request, job)

    def get(self, arn: str) -> J:
        """The job of an ARN.

        Raises:
            AwsError: there is none.
        """
        if arn not in self._jobs:
            raise error(f"{self._kind}NotFoundException", f"{self._kind} not found: {arn}")
        return self._jobs[arn]

    def page(
        self, wanted: Callable[[J], bool], *, before: str | None, limit: int | None
    ) -> tuple[list[J], str | None]:
        """The newest jobs first.

        Args:
            wanted: says which are listed.
            before: the token of the page before.
            limit: jobs a page; None takes AWS's own.

        Returns:
            The page's jobs, and the token of the next; None on the last.
        """
        size = limit or PAGE_OF_JOBS
        listed = [
            job
            for arn, job in sorted(self._jobs.items(), reverse=True)
            if (before is None or arn < before) and wanted(job)
        ]
        return listed[:size], listed[size - 1].arn if len(listed) > size else None

    def work(
        self, slices: Generator[None, None, None], ended: Callable[[S3Error | None], None]
    ) -> None:
        """Do the work slice by slice, others' requests in between.

        Args:
            slices: raises S3Error where S3 refuses something, which ends it.
            ended: told so, with the refusal.
        """
        try:
            next(slices)
        except StopIteration:
            ended(None)
        except S3Error as refused:
            ended(refused)
        else:
            self._clock.call_later(PAUSE_SECONDS, lambda: self.work(slices, ended))


def error(code: str, message: str) -> AwsError:
    """An error of DynamoDB's."""
    return AwsError(code, message, namespace=NAMESPACE)
