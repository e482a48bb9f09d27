"""The pages of a kill matrix, of a campaign and of a repro file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.errors import UsageError
from harness.report.pages import write_page
from tests.cli.command import harness
from tests.explain.test_repro_files import FILE
from tests.report.browser import PHONE, Browser, chromium
from tests.report.told_runs import EVIL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def kill(scenario: str, check: str = "no_resurrection", what: str = "") -> dict[str, Any]:
    return {"scenario": scenario, "check": check, "seed": 4, "what": what}


MATRIX: dict[str, Any] = {
    "scenarios": ["quiet", "stormy", EVIL[0]],
    "pipelines": {
        "clickpipes": {"defect": "", "killed_by": [], "failed_beside": [], "examples": 6},
        "delete-event-ignored": {
            "defect": "delete-event-ignored", "does": EVIL[1], "equivalent": "", "examples": 4,
            "killed_by": [kill("stormy", what=EVIL[2])],
            "failed_beside": [kill("quiet", "final_state")],
        },
        "overbroad-dedup": {
            "defect": "overbroad-dedup", "does": "", "equivalent": "", "examples": 6,
            "killed_by": [], "failed_beside": [],
        },
    },
    "survivors": ["overbroad-dedup"],
    "false_alarms": [{"pipeline": "clickpipes", "scenario": "stormy", "seed": 9, "check": "phantom"}],
}  # fmt: skip


def test_a_kill_matrix_is_a_heat_map_whose_cells_tell_what_they_mean(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "matrix.json"
    file.write_bytes(orjson.dumps(MATRIX))
    place = write_page(file)
    assert place == tmp_path / "matrix.html"
    with browser.open(place, PHONE) as opened:
        page = opened.page
        assert opened.texts(".tiles b")[:3] == ["1 of 2", "1", "1"]
        assert opened.texts(".heat .cell") == ["✓", "!", "✓", "○", "●", "·", "·", "·", "·"]
        page.click(".heat .killed")
        assert opened.texts("#cell") == [
            f"delete-event-ignored under stormy, seed 4: no_resurrection. {EVIL[2]}"
        ]
        page.fill("#rows", "overbroad")
        assert page.locator(".heat tbody tr:visible").count() == 1
        assert page.evaluate("window.hacked") is None
        assert not opened.is_too_wide()
        assert opened.complaints == []


def test_a_campaign_shows_each_failure_with_its_steps(browser: Browser, tmp_path: Path) -> None:
    text = FILE.format(pipeline="redelivery-unstable-version").replace("bystander", EVIL[0])
    (tmp_path / "repro-told-1.toml").write_text(text)
    campaign = {
        "examples": 120, "seconds": 9.5, "seed": 3, "unknown": {}, "sightings": {},
        "failures": [
            {"file": "repro-told-1.toml", "check": "no_resurrection", "key": {"id": "k3"},
             "message": "m", "steps": 4, "seen": 7, "signature": "a"},
            {"file": "gone.toml", "check": EVIL[1], "key": {EVIL[2]: EVIL[3]}, "message": EVIL[5],
             "steps": 4, "seen": 1, "signature": "b"},
        ],
    }  # fmt: skip
    file = tmp_path / "campaign.json"
    file.write_bytes(orjson.dumps(campaign))
    with browser.open(write_page(file), PHONE) as opened:
        assert opened.texts(".tiles b") == ["120", "9.5", "3", "2"]
        assert opened.texts(".failure h2") == ["no_resurrection", EVIL[1]]
        assert "4 steps, met 7 times" in opened.texts(".failure")[0]
        assert opened.texts(".steps li")[3].split("\n") == [
            "deliver", "w000002 the delivery of w000002 ahead of w000001",
        ]  # fmt: skip
        assert "gone.toml: cannot be read" in opened.texts(".failure")[1]
        assert opened.page.evaluate("window.hacked") is None
        assert not opened.is_too_wide()
        assert opened.complaints == []


def test_a_journal_counts_its_blocks_and_each_failure_once(tmp_path: Path) -> None:
    found = {
        "signature": "a", "file": "repro-a.toml", "seen": 2,
        "repro": FILE.format(pipeline="clickpipes"),
    }  # fmt: skip
    block = {"block": 0, "examples": 50, "seconds": 2.0, "steps": 900, "found": [found]}
    lines = [{"campaign": {"pipeline": "clickpipes"}}, block, {**block, "block": 1}]
    file = tmp_path / "journal.jsonl"
    file.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines) + b'{"block": 2, "ex')
    text = write_page(file).read_text(encoding="utf-8")
    assert "<b>100</b><span>examples</span>" in text
    assert "<b>1</b><span>distinct failures</span>" in text
    assert text.count('class="failure"') == 1
    assert "met 4 times" in text


def test_a_repro_file_is_played_and_its_needless_steps_are_marked(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "repro.toml").write_text(FILE.format(pipeline="redelivery-unstable-version"))
    shown = harness(tmp_path, "report", "repro.toml")
    assert (shown.code, shown.out.strip()) == (0, "repro.html"), shown.err
    with browser.open(tmp_path / "repro.html") as opened:
        assert opened.texts("#steps .not code") == ["w000003"]
        assert (
            "it does not happen without the delivery of w000002 ahead of w000001"
            in (opened.texts("#story")[0])
        )
        assert opened.complaints == []


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("nothing.json", None, "nothing lies at"),
        ("text.json", b"hello", "holds no JSON object"),
        ("other.json", b'{"a": 1}', "is nothing that a page can be made of"),
    ],
)
def test_what_is_none_of_them_is_refused(
    tmp_path: Path, name: str, body: bytes | None, message: str
) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(UsageError, match=message):
        write_page(tmp_path / name)
