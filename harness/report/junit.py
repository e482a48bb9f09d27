"""JUnit XML: one case for each scenario and pipeline, with the command that runs it again.

`failed` is a failure; `unknown` and `error` are errors, as neither says that the pipeline is right.
Source: the schema that Jenkins and GitLab read (testsuites, testsuite, testcase, failure, error).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from harness.report.plain import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.run.result import Result

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, results: Sequence[Result]) -> None:
    """Write the report of several runs; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Xml.ElementTree(_suites(results)).write(path, encoding="utf-8", xml_declaration=True)


def _suites(results: Sequence[Result]) -> Xml.Element:
    totals = {
        "tests": str(len(results)),
        "failures": str(sum(r.outcome == "failed" for r in results)),
        "errors": str(sum(r.outcome in ("unknown", "error") for r in results)),
        "time": f"{sum(_seconds(r) for r in results):.3f}",
    }
    suites = Xml.Element("testsuites", totals)
    suite = Xml.SubElement(suites, "testsuite", {"name": "harness", **totals})
    for result in results:
        _case(suite, result)
    Xml.indent(suites)
    return suites


def _case(suite: Xml.Element, result: Result) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        {
            "classname": _clean(f"harness.{result.scenario}"),
            "name": _clean(f"{result.scenario} with {result.pipeline}"),
            "time": f"{_seconds(result):.3f}",
        },
    )
    properties = Xml.SubElement(case, "properties")
    for name, value in (("seed", str(result.seed)), ("replay", result.replay)):
        Xml.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    if result.outcome == "passed":
        return
    kind = "failure" if result.outcome == "failed" else "error"
    told = Xml.SubElement(case, kind, {"message": _clean(result.reason), "type": result.outcome})
    told.text = _clean(f"{as_text(result)}\n\nrun it again: {result.replay}")
    if result.pipeline_log:
        Xml.SubElement(case, "system-err").text = _clean("\n".join(result.pipeline_log))


def _seconds(result: Result) -> float:
    return result.seconds.get("total", 0.0)


def _clean(text: str) -> str:
    """XML 1.0 has no way to write most control characters, and items may hold any."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
