"""The page of a run, in a browser: what it shows, how it is used, what it lets nobody do."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from harness.report.run_page import write_report
from tests.cli.command import harness
from tests.report.browser import PHONE, Browser, chromium
from tests.report.told_runs import EVIL, big_run, evil_run, failed_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPENING_SECONDS_MAX = 2.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(failed_run(tmp_path_factory.mktemp("runs") / "20260101T000000-told-3"))


def test_a_failed_run_says_what_differed_and_tells_the_lives(
    browser: Browser, failed: Path
) -> None:
    with browser.open(failed) as opened:
        page = opened.page
        assert "told with clickpipes" in opened.texts("h1")[0]
        assert opened.texts(".checks .mark") == ["✗", "✓"]
        assert "nothing in this run could fail it" in opened.texts(".checks")[0]
        assert opened.texts("#count") == ["all 12"]
        assert opened.texts("#kinds button") == ["all", "stale 11", "missing 1"]
        assert len(opened.texts(".difference")) == 6

        page.click("#kinds button:has-text('missing')")
        assert opened.texts(".difference .key") == ["key-3"]
        page.click("#kinds button:has-text('all')")
        page.fill("#filter", "key-1")
        assert opened.texts(".difference .key") == ["key-1", "key-10", "key-11"]

        page.click(".difference:has-text('key-10') button")
        assert opened.texts("#story h3")[0] == "key-10"
        story = opened.texts("#story")[0]
        assert "w000020 into shard 0" in story
        assert "FINAL shows w000020" in story
        assert "What usually repairs it" in story
        assert page.locator("#story svg path").count() >= 2
        assert "harness run told --seed 3" in opened.texts(".command code")
        assert opened.complaints == []


def test_keys_are_searched_and_walked_by_keyboard(browser: Browser, failed: Path) -> None:
    with browser.open(failed) as opened:
        page = opened.page
        page.keyboard.press("/")
        page.keyboard.type("key-1")
        assert [t.split("\n")[0] for t in opened.texts("#keys button")] == [
            "key-1", "key-10", "key-11",
        ]  # fmt: skip
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert opened.texts("#story h3")[0] == "key-10"

        page.fill("#search", "unlisted")
        page.wait_for_selector("#elsewhere code")
        assert "not in this page. unlisted: 1 writes, 0 deliveries" in opened.texts("#elsewhere")[0]
        assert "--key 'unlisted'" in opened.texts("#elsewhere code")[0]
        page.fill("#search", "nobody")
        page.wait_for_function("document.querySelector('#elsewhere').textContent.startsWith('No')")
        assert opened.complaints == []


def test_it_fits_a_phone_and_follows_dark_mode(browser: Browser, failed: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    with browser.open(failed) as opened:
        light = opened.page.evaluate(colour)
        assert not opened.is_too_wide()
    with browser.open(failed, PHONE, scheme="dark") as opened:
        assert opened.page.evaluate(colour) != light
        assert not opened.is_too_wide()
        opened.page.click(".difference >> nth=0 >> button")
        assert not opened.is_too_wide()
        assert opened.complaints == []


def test_nothing_that_a_run_wrote_becomes_code(browser: Browser, tmp_path: Path) -> None:
    place = write_report(evil_run(tmp_path / "evil"))
    with browser.open(place) as opened:
        page = opened.page
        for n in range(len(EVIL)):
            page.click(f"#keys li:nth-child({n + 1}) button")
            assert EVIL[n] in opened.texts("#story h3")[0]
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.querySelectorAll('script').length") == 3
        assert page.evaluate("document.querySelectorAll('img, svg[onload], [onerror]').length") == 0
        links = page.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        )
        assert all(link.startswith("#") for link in links)
        shown = page.evaluate("document.body.textContent")
        assert all(evil in shown for evil in EVIL)
        assert not opened.is_too_wide()
        assert opened.complaints == []


def test_without_a_browser_too_every_value_is_escaped(tmp_path: Path) -> None:
    text = write_report(evil_run(tmp_path / "evil")).read_text(encoding="utf-8")
    found: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Reader().feed(text)
    assert [attributes.get("id") for tag, attributes in found if tag == "script"] == [
        "data", "index", None,
    ]  # fmt: skip
    assert not {tag for tag, _ in found} & {"img", "iframe", "object"}
    handlers = [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert handlers == []
    assert "window.hacked" in text


@pytest.mark.slow
def test_a_run_of_a_million_events_opens_at_once(browser: Browser, tmp_path: Path) -> None:
    place = write_report(big_run(tmp_path / "big", 1_000_000))
    assert place.stat().st_size < 2_000_000
    with browser.open(place) as opened:
        assert opened.page.evaluate("performance.now()") <= OPENING_SECONDS_MAX * 1000
        assert opened.texts("#story h3")[0] == "key-7"
        opened.page.fill("#search", "key-99999")
        opened.page.wait_for_selector("#elsewhere code")
        assert opened.complaints == []


def test_the_command_writes_the_page_and_says_where(tmp_path: Path) -> None:
    failed_run(tmp_path / "runs" / "latest")
    shown = harness(tmp_path, "report")
    assert shown.code == 0, shown.err
    assert shown.out.strip() == "runs/latest/report.html"
    assert (tmp_path / shown.out.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")
    other = harness(tmp_path, "report", "runs/latest", "-o", "out/page.html")
    assert (other.code, other.out.strip()) == (0, "out/page.html")


def test_a_run_that_broke_off_makes_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    folder = failed_run(tmp_path / "broken")
    for name in ("verdict.json", "keys.jsonl", "scenario.json"):
        (folder / name).unlink()
    (folder / "history.jsonl").write_bytes((folder / "history.jsonl").read_bytes()[:-15])
    with browser.open(write_report(folder)) as opened:
        assert "unfinished" in opened.texts("h1")[0]
        notes = " ".join(opened.texts("main > p"))
        assert "no verdict.json: the run did not come to its end" in notes
        assert "1 damaged line of history.jsonl left out" in notes
        assert len(opened.texts("#keys button")) == 14
        assert opened.complaints == []


def test_a_real_run_fills_every_lane(browser: Browser, tmp_path: Path) -> None:
    small = ("--set", "workload.items=20", "--set", "workload.changes=40")
    broken = ("--pipeline", "swaps-two-versions", "--no-expect")
    ended = harness(tmp_path, "run", "quickstart", "--report", *broken, *small)
    assert ended.code == 1, ended.err
    place = tmp_path / "runs" / "latest" / "report.html"
    assert f"report: {place.resolve().relative_to(tmp_path)}" in ended.err
    with browser.open(place.resolve()) as opened:
        story = opened.texts("#story")[0]
        for told in ("into shard", "GetRecords hands out", "INSERT #", " enters", "FINAL shows"):
            assert told in story
        assert "harness run quickstart --seed 1" in opened.texts(".command code")[0]
        assert opened.texts("#time h3")[0] == "Throughput"
        assert opened.complaints == []
