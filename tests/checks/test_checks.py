"""Each check on hand-written evidence: passes the good run, fails the smallest bad one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import harness.checks.every  # noqa: F401 - importing registers each check
from harness.checks.check import Check, Verdict, checks, judge, worst
from harness.checks.evidence import Column, Evidence, RawRow, Write

COLUMNS = (
    Column("id", "String", "id"),
    Column("total", "Decimal(18, 2)", "total"),
    Column("_w", "String", "_w"),
    Column("_n", "UInt64", "_n"),
)


def item(key: str, total: str, write: str, counter: int) -> dict[str, Any]:
    return {"id": {"S": key}, "total": {"N": total}, "_w": {"S": write}, "_n": {"N": str(counter)}}


def row(key: str, total: str, write: str, counter: int) -> dict[str, Any]:
    return {"id": key, "total": Decimal(total), "_w": write, "_n": counter}


def write(number: int, key: str, kind: str, counter: int) -> Write:
    marker = "" if kind == "delete" else f"w{number}"
    return Write(number, {"id": {"S": key}}, kind, marker, counter, "acked")


WRITES = (
    write(0, "a", "put", 1),
    write(1, "b", "put", 1),
    write(2, "a", "update", 2),
    write(3, "b", "delete", 0),
)
GOOD = Evidence(
    columns=COLUMNS,
    key_attributes=("id",),
    source=[item("a", "1.5", "w2", 2)],
    rows=[row("a", "1.50", "w2", 2)],
    writes=WRITES,
    id_column="_w",
    counter_column="_n",
    raw_rows=[RawRow(("a",), 10, False, "w0", 1), RawRow(("a",), 20, False, "w2", 2)],
)


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in judge(evidence)}


def failing(evidence: Evidence) -> set[str]:
    return {name for name, verdict in verdicts(evidence).items() if verdict.verdict == "fail"}


def test_a_true_copy_passes_every_check_and_each_could_have_failed() -> None:
    found = verdicts(GOOD)
    judged = {name: v for name, v in found.items() if v.could_fail}
    assert {v.verdict for v in judged.values()} == {"pass"}
    assert set(judged) == {
        "final_state", "no_lost_update", "no_phantom", "no_resurrection", "type_fidelity",
        "version_order",
    }  # fmt: skip


def test_a_check_that_lacks_its_evidence_is_unknown_and_could_not_have_failed() -> None:
    lacking = {name: v for name, v in verdicts(GOOD).items() if v.verdict == "unknown"}
    assert {"convergence", "monotone_reads", "hand_off", "apply_order"} <= set(lacking)
    assert not any(v.could_fail for v in lacking.values())


def test_a_missing_item_is_a_lost_update() -> None:
    evidence = replace(GOOD, rows=[])
    assert failing(evidence) == {"final_state", "no_lost_update"}
    assert verdicts(evidence)["no_lost_update"].keys[0].key == {"id": "a"}


def test_an_older_write_is_a_lost_update_that_names_both_writes() -> None:
    evidence = replace(GOOD, rows=[row("a", "1.50", "w0", 1)])
    assert failing(evidence) == {"final_state", "no_lost_update"}
    finding = verdicts(evidence)["no_lost_update"].keys[0]
    assert finding.what == "shows write w0, but w2 was the last"


def test_a_deleted_item_that_is_shown_is_a_resurrection() -> None:
    evidence = replace(GOOD, rows=[*GOOD.rows, row("b", "1", "w1", 1)])
    assert failing(evidence) == {"final_state", "no_resurrection"}
    assert verdicts(evidence)["no_resurrection"].keys[0].key == {"id": "b"}


def test_a_key_that_was_never_written_is_a_phantom() -> None:
    evidence = replace(GOOD, rows=[*GOOD.rows, row("", "0", "", 0)])
    assert failing(evidence) == {"final_state", "no_phantom"}


def test_a_key_shown_twice_is_a_phantom() -> None:
    evidence = replace(GOOD, rows=[*GOOD.rows, *GOOD.rows])
    assert failing(evidence) == {"final_state", "no_phantom"}


def test_another_value_under_the_right_write_is_altered() -> None:
    evidence = replace(GOOD, rows=[row("a", "1.51", "w2", 2)])
    assert failing(evidence) == {"final_state", "type_fidelity"}
    finding = verdicts(evidence)["type_fidelity"].keys[0]
    assert (finding.source, finding.found) == ({"total": "1.5"}, {"total": "1.51"})


def test_an_invented_write_is_altered() -> None:
    evidence = replace(GOOD, rows=[row("a", "1.5", "w99", 9)])
    assert failing(evidence) == {"final_state", "type_fidelity"}


def test_a_tie_of_versions_contradicts_the_order_of_writes() -> None:
    tied = [RawRow(("a",), 10, False, "w0", 1), RawRow(("a",), 10, False, "w2", 2)]
    evidence = replace(GOOD, raw_rows=tied)
    assert failing(evidence) == {"version_order"}
    what = verdicts(evidence)["version_order"].keys[0].what
    assert what == ("write w2 (version 10) has the same version as write w0 (version 10)")


def test_swapped_versions_contradict_the_order_of_writes() -> None:
    swapped = [RawRow(("a",), 20, False, "w0", 1), RawRow(("a",), 10, False, "w2", 2)]
    assert failing(replace(GOOD, raw_rows=swapped)) == {"version_order"}


def test_a_row_of_an_export_below_the_stream_is_no_contradiction() -> None:
    """The export carries the second write, versioned below all of the stream, which carries both."""
    rows = [RawRow(("a",), 20, False, "w0", 1), RawRow(("a",), 5, False, "w2", 2)]
    assert failing(replace(GOOD, raw_rows=rows)) == {"version_order"}
    rows.append(RawRow(("a",), 21, False, "w2", 2))
    assert failing(replace(GOOD, raw_rows=rows)) == set()


def test_the_same_row_twice_is_no_contradiction() -> None:
    twice = [RawRow(("a",), 10, False, "w0", 1), RawRow(("a",), 10, False, "w0", 1)]
    assert failing(replace(GOOD, raw_rows=twice)) == set()


def test_an_unstorable_item_may_have_no_row_or_an_earlier_one() -> None:
    source = [item("a", "1.555", "w2", 2)]
    assert failing(replace(GOOD, source=source, rows=[])) == set()
    assert failing(replace(GOOD, source=source, rows=[row("a", "1", "w0", 1)])) == set()
    listed = verdicts(replace(GOOD, source=source, rows=[]))["final_state"]
    assert "1 items cannot be stored" in listed.message


def test_an_unstorable_item_must_not_be_shown_with_an_invented_value() -> None:
    source = [item("a", "1.555", "w2", 2)]
    invented = replace(GOOD, source=source, rows=[row("a", "1.55", "w2", 2)])
    assert failing(invented) == {"final_state", "type_fidelity"}


def test_nothing_written_proves_nothing() -> None:
    nothing = replace(GOOD, source=[], rows=[], writes=(), raw_rows=[])
    found = verdicts(nothing)
    assert found["final_state"].verdict == "unknown"
    assert not any(v.could_fail for v in found.values())


def test_without_deletes_no_resurrection_could_not_have_failed() -> None:
    evidence = replace(GOOD, writes=WRITES[:3])
    assert verdicts(evidence)["no_resurrection"].could_fail is False


def test_without_markers_a_stale_row_is_an_altered_one() -> None:
    columns = COLUMNS[:2]
    evidence = replace(
        GOOD, columns=columns, rows=[row("a", "9", "", 0)], id_column="", counter_column=""
    )
    assert failing(evidence) == {"final_state", "type_fidelity"}
    assert "no write markers" in verdicts(evidence)["no_lost_update"].message


def test_a_check_that_crashes_is_unknown() -> None:
    broken = replace(GOOD, rows=[{"id": "a"}])
    found = verdicts(broken)
    assert found["final_state"].verdict == "unknown"
    assert "KeyError" in found["final_state"].message


def test_the_worst_verdict_counts() -> None:
    def one(answer: Any) -> Verdict:
        return Verdict("x", answer, True, "")

    assert worst([one("pass"), one("unknown")]) == "unknown"
    assert worst([one("unknown"), one("fail"), one("pass")]) == "fail"
    assert worst([one("pass")]) == "pass"
    assert worst([]) == "unknown"


def test_every_check_says_what_it_proves() -> None:
    each: Check
    for each in checks:
        assert (type(each).__doc__ or "").startswith("Proves that")


def test_a_tie_within_one_insert_is_seen_in_the_apply_log() -> None:
    """The table kept one of the two rows; the log has both."""
    tied = [RawRow(("a",), 20, False, "w0", 1), RawRow(("a",), 20, False, "w2", 2)]
    kept = replace(GOOD, raw_rows=tied[1:])
    assert failing(kept) == set()
    assert failing(replace(kept, applied=tied)) == {"version_order"}
