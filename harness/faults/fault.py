"""What a fault is: frozen settings (its keys in TOML) and one function that decides about a request.

A fault knows requests and answers, nothing of emulators, servers or threads; the gate carries out
what it decides. To write one: a frozen dataclass with a `name`, a docstring that says what happens
in production when it does, `decide`, and a line that registers it. Begin from `NoFault`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from harness.errors import UsageError, nearest
from harness.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.faults.asked import Asked
    from harness.web.message import Request, Response


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one request; the default lets it pass.

    Attributes:
        wait_seconds: before anything else.
        instead: answered without asking the service: the request has no effect.
        request: asked in place of the one that came.
        after: turns the service's answer into what the client gets: the effect has happened.
    """

    wait_seconds: float = 0.0
    instead: Response | None = None
    request: Request | None = None
    after: Callable[[Response], Response] | None = None


class Fault(Protocol):
    """One way to go wrong.

    Attributes:
        name: what plans, reports and traces call it.
        services: to which it applies; empty for all.
        operations: to which it applies; empty for all.
        breaks_promise: the service promises that this never happens; a plan must allow it.
    """

    name: ClassVar[str]
    services: ClassVar[tuple[str, ...]]
    operations: ClassVar[tuple[str, ...]]
    breaks_promise: ClassVar[bool]

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision | None:
        """What becomes of `request`; None when this fault has no form for it."""
        ...


class Past(Protocol):
    """What the gate remembers for faults that repeat or refuse."""

    def page(self, asked: Asked, back: int) -> Response | None:
        """The page of GetRecords that the same shard was given `back` pages ago, from 1."""
        ...

    def refuse_next(self, service: str, count: int) -> None:
        """Cut the next `count` requests to a service, whatever they are."""
        ...


@dataclass(frozen=True, slots=True)
class NoFault:
    """Nothing happens: the request passes as it came."""

    name: ClassVar[str] = "none"
    services: ClassVar[tuple[str, ...]] = ()
    operations: ClassVar[tuple[str, ...]] = ()
    breaks_promise: ClassVar[bool] = False

    def decide(self, asked: Asked, request: Request, past: Past) -> Decision:
        """Let it pass."""
        return Decision()


faults: Registry[type[Fault]] = Registry("fault")
faults.add(NoFault.name, NoFault)


def make_fault(name: str, settings: Mapping[str, Any] | None = None) -> Fault:
    """A fault by name with its settings.

    Raises:
        UsageError: no such fault, no such setting, or a value of another type.
    """
    kind: Any = known_faults().get(name)
    known = {f.name: f for f in fields(kind)}
    for key, value in (settings or {}).items():
        if key not in known:
            hint = nearest(key, known) if known else "it has none"
            raise UsageError(f"fault {name!r} has no setting {key!r}", hint=hint)
        default = known[key].default
        is_number = isinstance(default, float) and type(value) in (int, float)
        if default is not MISSING and type(value) is not type(default) and not is_number:
            expected = type(default).__name__
            raise UsageError(f"fault {name!r}: {key} must be {expected}, not {value!r}")
        if isinstance(value, int | float) and value < 0:
            raise UsageError(f"fault {name!r}: {key} must not be negative: {value!r}")
    made: Fault = kind(**(settings or {}))
    return made


def known_faults() -> Registry[type[Fault]]:
    """The registry, with every fault that ships in it."""
    from harness.faults import inserts, pages, requests  # noqa: F401 - importing registers

    return faults


def applies(fault: Fault | type[Fault], asked: Asked) -> bool:
    """True when `fault` has something to do with such requests."""
    return (not fault.services or asked.service in fault.services) and (
        not fault.operations or asked.operation in fault.operations
    )
