"""ClickHouse's errors: code, name, text, and the HTTP status of each.

Source: ClickHouse, HTTP interface; the table of statuses is the server's own (`reference.md` §8).
"""

from __future__ import annotations

import re

_STATUS_CODES = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321),
        *(376, 427, 441, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
STATUS = {code: status for status, codes in _STATUS_CODES.items() for code in codes}

_TEXT = re.compile(r"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_VERSION = re.compile(r" \(version [^()]*(?:\([^()]*\))?\)\.?\s*$")
_NAME = re.compile(r" \(([A-Z][A-Z0-9_]+)\)\.?\s*$")


class EngineError(Exception):
    """An error as ClickHouse reports it: product behaviour, not a failure of the harness.

    Args:
        code: ClickHouse's number.
        name: ClickHouse's name for it, e.g. `UNKNOWN_TABLE`.
        message: its sentence.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that a server answers with."""
        return STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The body of the answer, as the server words it."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})"

    @classmethod
    def parse(cls, raw: str) -> EngineError:
        """Read an exception's text; an exception wrapped in another is taken out of it."""
        found = _TEXT.search(raw)
        if found is None:
            return cls(1002, "UNKNOWN_EXCEPTION", raw.strip())
        code, message = int(found[1]), _VERSION.sub("", found[2].rstrip())
        named = _NAME.search(message)
        name = named[1] if named else "UNKNOWN_EXCEPTION"
        if named:
            message = message[: named.start()]
        return cls.parse(message) if _TEXT.match(message) else cls(code, name, message)
