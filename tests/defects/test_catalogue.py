"""The catalogue of defect classes is complete and can be asked by name."""

from __future__ import annotations

import pytest

from harness.defects.catalogue import defect, defects
from harness.errors import UsageError


def test_the_classes_are_numbered_without_gaps_in_their_order() -> None:
    assert [d.number for d in defects().values()] == list(range(1, 41))


def test_a_class_says_what_goes_wrong_and_what_repairs_it() -> None:
    found = defect("tombstone-not-retained")
    assert found.number == 11
    assert found.group == "deletes"
    assert found.checks == ("no_resurrection",)
    assert found.reference[0] == "https://github.com/ClickHouse/ClickHouse/issues/50346"
    for one in defects().values():
        assert one.sentence.endswith("."), one.name
        assert one.repair.endswith("."), one.name
        assert one.trigger, one.name
        assert one.checks, one.name
        assert all(address.startswith("https://") for address in one.reference), one.name


def test_an_unknown_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown defect 'last-arival-wins'") as told:
        defect("last-arival-wins")
    assert "last-arrival-wins" in (told.value.hint or "")
