"""Rules of `[pipeline]`: own code that fits together, and variables that are free to be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.pipelines.event_source.filters import Filters
from harness.pipelines.pipeline import VARIABLES
from harness.scenario.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Scenario
    from harness.scenario.model_pipeline import Lambda

RECORD_AGE_SECONDS_MIN = 60
KINDS = ("command", "lambda", "python")


def pipeline_mistakes(scenario: Scenario) -> list[Mistake]:
    """Everything that is wrong in `[pipeline]`."""
    pipeline = scenario.pipeline
    given = [
        kind
        for kind, value in zip(
            KINDS, (pipeline.command, pipeline.lambda_, pipeline.python), strict=True
        )
        if value is not None
    ]
    found: list[Mistake] = []
    if len(given) > 1:
        found.append(
            Mistake(
                ("pipeline", given[1]),
                f"expected one of {', '.join(KINDS)}, found {' and '.join(given)}",
                "keep the one that is under test",
            )
        )
    found += [
        Mistake(
            ("pipeline", "env", name),
            f"expected a variable of your own, found {name}, which the harness sets",
            "docs/pipeline-contract.md lists the harness's",
        )
        for name in pipeline.env
        if name in VARIABLES.values()
    ]
    if pipeline.lambda_ is not None:
        found += _lambda(scenario, pipeline.lambda_)
    return found


def _lambda(scenario: Scenario, mapping: Lambda) -> Iterator[Mistake]:
    at = ("pipeline", "lambda")
    if mapping.source == "dynamodb" and scenario.table.stream_view_type is None:
        yield Mistake(
            ("table", "stream_view_type"),
            "expected a stream for pipeline.lambda.source = 'dynamodb', found none",
            'write stream_view_type = "NEW_AND_OLD_IMAGES"',
        )
    if 0 <= mapping.maximum_record_age_in_seconds < RECORD_AGE_SECONDS_MIN:
        yield Mistake(
            (*at, "maximum_record_age_in_seconds"),
            f"expected -1 or at least {RECORD_AGE_SECONDS_MIN}, "
            f"found {mapping.maximum_record_age_in_seconds}",
            "AWS refuses ages below a minute; -1 keeps records until they expire",
        )
    if mapping.tumbling_window_in_seconds and mapping.parallelization_factor > 1:
        yield Mistake(
            (*at, "parallelization_factor"),
            f"expected 1 beside tumbling windows, found {mapping.parallelization_factor}",
            "a window's state belongs to a shard; the two together are not emulated",
        )
    filters = mapping.filter_criteria.filters if mapping.filter_criteria else []
    for number, item in enumerate(filters):
        try:
            Filters([item.pattern])
        except UsageError as error:
            yield Mistake(
                (*at, "filter_criteria", "filters", number, "pattern"),
                f"expected a filter pattern, found: {error.message}",
                error.hint or """for example '{"eventName": ["INSERT"]}'""",
            )
