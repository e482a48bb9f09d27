"""A campaign of `harness fuzz` while it goes on, on stderr.

In a terminal two lines are kept up to date; elsewhere there is a plain line every ten seconds.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harness.clock import stopwatch
from harness.lookout import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from harness.fuzz.campaign import Findings
    from harness.fuzz.seen import Seen

REFRESH_SECONDS = 0.2
PLAIN_SECONDS = 10.0
CUTTING_SECONDS = 1.0
"""So long after a failure was cut further it is still being cut down."""

KINDS_SHOWN = 6


class FuzzProgress:
    """Shows a campaign's course; a context manager.

    Args:
        console: of stderr.
        seconds: how long the campaign may take; 0 for no bound.
        examples: how many it runs; 0 for as many as there is time.
        elapsed: seconds since it began.
    """

    def __init__(
        self,
        console: Console,
        *,
        seconds: float,
        examples: int,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self._console = console
        self._seconds = seconds
        self._wanted = examples
        self._elapsed = elapsed or stopwatch()
        self._disturbances: Counter[str] = Counter()
        self._examples = 0
        self._failed = 0
        self._distinct = 0
        self._cut_at = -CUTTING_SECONDS
        self._live: Live | None = None
        self._lookout = Lookout(self._show, "fuzz progress")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._lookout.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lookout.stop()
        if self._live is not None:
            self._live.stop()

    def see(self, seen: Seen | None) -> None:
        """One more example; None: a failure was cut further."""
        if seen is None:
            self._cut_at = self._elapsed()
            return
        self._examples += 1
        self._disturbances.update(seen.disturbances)
        self._failed += bool(seen.failure)

    def tell(self, findings: Findings) -> None:
        """What was found so far."""
        self._distinct = len(findings.found)
        self._examples = max(self._examples, findings.examples)

    def line(self) -> str:
        """Where the campaign stands, in one line."""
        told = ", ".join(self._figures())
        return f"{self._elapsed():.0f} s  {self.phase}: {told}; faults: {self.faults()}"

    @property
    def phase(self) -> str:
        """What goes on now."""
        if self._elapsed() - self._cut_at < CUTTING_SECONDS:
            return "cutting a failure down"
        return "drawing examples" if self._examples else "starting"

    def _figures(self) -> list[str]:
        now = self._elapsed()
        rate = self._examples / now * 60 if now else 0.0
        of = f" of {self._wanted:,}" if self._wanted else ""
        told = [f"{self._examples:,}{of} examples", f"{rate:,.0f}/min"]
        # A failure is told apart from others once it is cut down.
        told.append(f"{self._failed:,} failed, {self._distinct:,} distinct failures")
        if self._seconds:
            told.append(f"{max(0.0, self._seconds - now):.0f} s left")
        return told

    def faults(self) -> str:
        """What went wrong so far, the most frequent first."""
        counted = sorted(self._disturbances.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{name} {count:,}" for name, count in counted[:KINDS_SHOWN]]
        rest = sum(count for _, count in counted[KINDS_SHOWN:])
        return " · ".join([*shown, f"others {rest:,}"] if rest else shown) or "none"

    def _show(self, ended: Event) -> None:
        while not ended.wait(REFRESH_SECONDS if self._live else PLAIN_SECONDS):
            if self._live is None:
                self._console.print(Text(self.line()), soft_wrap=True)
            else:
                self._live.update(self._lines(), refresh=True)

    def _lines(self) -> Group:
        first = f"  {self.phase}  {self._elapsed():.1f} s  {'  '.join(self._figures())}"
        return Group(
            Text(first, style="cyan", no_wrap=True, overflow="ellipsis"),
            Text(f"  faults  {self.faults()}", style="dim", no_wrap=True, overflow="ellipsis"),
        )
