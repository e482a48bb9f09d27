"""The apply log of a target: which are kept, and when it is whole."""

from __future__ import annotations

from harness.checks.evidence import RawRow
from harness.run.applied import begin_log, is_whole, watched_by
from harness.scenario.load import load_scenario

ONE = RawRow(("a",), 1, False, "w1", 1)
TWO = RawRow(("a",), 2, False, "w2", 2)


def test_a_log_that_holds_every_stored_row_is_whole() -> None:
    assert is_whole([ONE, TWO], [TWO])
    assert is_whole([ONE], None)


def test_a_stored_row_that_never_came_through_the_log_is_missed() -> None:
    assert not is_whole([ONE], [ONE, TWO])
    assert not is_whole([ONE], [RawRow(("a",), 3, False, "w1", 1)])


def test_a_target_is_watched_by_its_key_version_and_markers() -> None:
    watched = watched_by(load_scenario("quickstart"), "`is_deleted` = 0")
    assert watched is not None
    assert (watched.table, watched.version, watched.id, watched.counter) == (
        "orders",
        "version",
        "_w",
        "_n",
    )
    assert watched.deleted == "NOT (`is_deleted` = 0)"


def test_a_target_without_markers_is_not_watched() -> None:
    assert watched_by(load_scenario("guide-recipe"), "1") is None
    assert not begin_log("http://default:@127.0.0.1:9/default", None)


def test_a_server_that_keeps_no_log_is_no_error() -> None:
    watched = watched_by(load_scenario("quickstart"), "1")
    assert not begin_log("http://default:@127.0.0.1:9/default", watched)
