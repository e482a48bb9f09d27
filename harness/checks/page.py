"""docs/checks.md, written from the checks' own docstrings: `python -m harness.checks.page`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import harness.checks.every  # noqa: F401 - importing registers each check
from harness.checks.check import checks

PAGE = Path("docs/checks.md")

OPENING = """# What the checks prove

Every run is judged by all checks. A verdict is `pass`, `fail` or `unknown`: a check that lacks its
evidence, or that breaks, is `unknown` and never a pass. `could_fail: false` says that this run held
nothing that the check could have failed on, so that its pass proves nothing; an `unknown` of that
kind does not make the run unknown.

They judge what can be seen of any pipeline, in any language: what DynamoDB holds, what ClickHouse
shows, what passed the gates. Three sources matter:

- **the apply log**: every row that entered the target, in the order in which it came. FINAL, merges
  and INSERTs with several rows of one key hide rows; a materialized view on the target sees them
  all. It is kept where ClickHouse is embedded. A pipeline does not notice: statements that would
  meet the view go past it, and `written_rows` counts the target alone. A pipeline that hangs a view
  of its own on the target ends the log;
- **samples of FINAL**: live four times a second at most, on at most 2,000 keys, always the same
  ones; stepped after each INSERT into the target;
- **the history**: `history.jsonl`, read once, event by event, in the memory that the pipeline's
  backlog needs (see [speed](benchmarks.md)).

An item whose value its column cannot hold is poison: listed, not judged ([mapping](mapping.md)). A
change record above the stream's limit is left out by AWS, which says so: its key is listed in
`final_state` as `known_skipped`, and is no loss, unless a later change of it is lost too.

`final_state`, `convergence`, `hand_off`, `checkpoint_honesty`, `bounded_lag` and
`poison_isolation` never fail alone: they sum up what others find, or say how it came about. So a
scenario that expects any failure allows them too.
"""


def page() -> str:
    """The whole page."""
    parts = [OPENING]
    for check in checks:
        kind = type(check)
        module = inspect.getdoc(sys.modules[kind.__module__]) or ""
        claim = module.splitlines()[0].partition(": ")[2]
        parts.append(f"\n## {check.name}\n\n*{claim[:1].upper()}{claim[1:]}*\n")
        parts.append(f"\n{inspect.getdoc(kind)}\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
