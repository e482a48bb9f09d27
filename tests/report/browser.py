"""Chromium, headless, as a reader has it: the page from a file, with every complaint heard."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Opened:
    """A page, and what it complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """What the elements say."""
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]

    def is_too_wide(self) -> bool:
        """It scrolls sideways."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        )


class Browser:
    """Opens pages."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    @contextmanager
    def open(
        self, path: Path, size: tuple[int, int] = DESKTOP, *, scheme: str = "light"
    ) -> Iterator[Opened]:
        """Open a file and wait until its script has drawn it."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            offline=True,
        )
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(10_000)
        opened.page.on(
            "console",
            lambda m: opened.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on(
            "dialog", lambda dialog: opened.complaints.append(f"dialog {dialog.message}")
        )
        opened.page.on(
            "request",
            lambda r: (
                None if r.url.startswith(("file:", "data:")) else opened.complaints.append(r.url)
            ),
        )
        opened.page.goto(path.as_uri())
        opened.page.wait_for_selector("html[data-ready]", state="attached")
        yield opened
        context.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; where there is none the test says what to install."""
    found = next(filter(None, (shutil.which(name) for name in NAMES)), None)
    if found is None:
        reason = "needs Chromium: apt-get install --no-install-recommends chromium"
        if os.environ.get("HARNESS_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield Browser(browser)
        browser.close()
