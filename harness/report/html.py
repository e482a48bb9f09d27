"""Pages that need nothing but themselves: style, script and data inside, no network.

Every value is escaped where it is put in: by Jinja's autoescape, or as text by the script, which
reads its data from a compressed block and never as HTML. A content security policy lets no script
run but the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

PAGE = Path(__file__).with_name("page")


def render(template: str, **values: Any) -> str:
    """Render one of the templates in `page/`."""
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            # Our own files, which are code and not data.
            style=Markup((PAGE / "style.css").read_text(encoding="utf-8")),
            script=Markup(script),
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'",
            **values,
        )
    )


def packed(value: Any) -> str:
    """A JSON value, or text as it is, compressed and in letters that HTML leaves alone."""
    body = value.encode() if isinstance(value, str) else orjson.dumps(value)
    return base64.b64encode(zlib.compress(body, 6)).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = lambda number: f"{round(number):,}"
    environment.filters["seconds"] = _seconds
    environment.filters["as_json"] = lambda value: orjson.dumps(value).decode()
    return environment


def _seconds(value: float) -> str:
    if value >= 90:
        return f"{int(value // 60)} min {value % 60:.0f} s"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
