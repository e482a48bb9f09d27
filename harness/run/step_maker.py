"""What makes the pipeline of a stepped example, anew for each of its lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.pipelines.own_python import load_pipeline
from harness.pipelines.pipeline import pipelines
from harness.run.pipelines import is_own

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.pipeline import Pipeline
    from harness.scenario.model import Scenario


def maker_of(scenario: Scenario, name: str) -> Callable[[dict[str, Any]], Pipeline]:
    """What makes the pipeline called `name` from its config.

    Raises:
        UsageError: no such pipeline, or one that does not run in this process.
        PipelineError: the class or function of the scenario cannot be loaded.
    """
    if not is_own(scenario, name):
        return pipelines().get(name)
    told = scenario.pipeline
    if told.python is None:
        raise UsageError(
            f"pipeline {name!r} is a program of its own: a stepped run needs one in this process",
            hint="leave out --stepped",
        )
    reference = told.python
    load_pipeline(reference, scenario.folder, told.settings)
    return lambda _: load_pipeline(reference, scenario.folder, told.settings)
