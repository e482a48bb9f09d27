"""The suite itself: every case passes on the embedded endpoint, and every case can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from harness.conformance.case import GROUPS, all_cases
from harness.conformance.endpoint import Endpoint
from harness.conformance.run import run_cases, run_embedded
from tests.conformance.mutated import MutatedAws, Mutation
from tests.conformance.mutations import MANY
from tests.conformance.single_mutations import SINGLE

if TYPE_CHECKING:
    from harness.conformance.case import Case

MUTATIONS = [*MANY, *SINGLE]
HERE = Path(__file__).parent
PATIENCE = 0.15
CASES = {one.id: one for one in all_cases()}


def _read(name: str) -> dict[str, list[str]]:
    recorded: dict[str, list[str]] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return recorded


REDDENED = _read("reddened.json")
"""Which cases failed by their claim on which endpoint, as `harness conformance --compare` wrote."""
MUTATED = _read("mutated.json")
"""Which cases each mutation must turn red: those that no peer fails by their claim."""


def test_every_case_passes_on_the_embedded_endpoint() -> None:
    results = run_embedded(list(CASES.values()))

    missed = {one.case.id: one.message for one in results.outcomes if one.verdict != "pass"}
    assert missed == {}
    assert len(results.outcomes) == len(CASES)


def test_there_are_more_than_200_cases_in_all_groups() -> None:
    assert len(CASES) > 200
    assert {one.group for one in CASES.values()} == set(GROUPS)


@pytest.mark.parametrize("one", CASES.values(), ids=lambda one: one.id)
def test_every_case_has_a_sentence_and_an_aws_page(one: Case) -> None:
    page = urlsplit(one.source)
    assert (page.scheme, page.netloc) == ("https", "docs.aws.amazon.com")
    assert page.path.endswith(".html")
    assert one.sentence.endswith(".")


def test_every_case_is_red_somewhere() -> None:
    by_peers = {
        case
        for label, cases in REDDENED.items()
        if not label.startswith("harness")
        for case in cases
    }
    by_mutations = {case for cases in MUTATED.values() for case in cases}

    assert set(CASES) - by_peers - by_mutations == set()


def test_every_recorded_mutation_exists() -> None:
    assert set(MUTATED) <= {one.name for one in MUTATIONS}


@pytest.mark.parametrize(
    "mutation",
    [one for one in MUTATIONS if MUTATED.get(one.name)],
    ids=lambda one: one.name.replace(" ", "-"),
)
def test_a_mutated_endpoint_fails_its_cases(mutation: Mutation) -> None:
    chosen = [CASES[name] for name in MUTATED[mutation.name]]

    with MutatedAws(mutation) as url:
        outcomes = run_cases(chosen, Endpoint(url, patience=PATIENCE))

    unharmed = [one.case.id for one in outcomes if one.verdict != "fail"]
    assert unharmed == []
