"""What an HTTP request asks for: credentials, settings, bound parameters, and how to answer.

Source: ClickHouse docs, interfaces/http.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.clickhouse.errors import EngineError

if TYPE_CHECKING:
    from harness.web.message import Request

_OWN = frozenset(
    {
        "query",
        "database",
        "default_format",
        "query_id",
        "quota_key",
        "session_id",
        "session_timeout",
    }
    | {"session_check", "role", "user", "password", "compress", "decompress", "buffer_size"}
    | {"wait_end_of_query", "stacktrace", "client_protocol_version", "close_session", "readonly"}
)
"""Parameters of the interface itself: everything else is a setting or a bound parameter."""

_ABOUT_HTTP = frozenset(
    {"enable_http_compression", "send_progress_in_http_headers", "http_zlib_compression_level"}
    | {"http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"}
    | {"http_native_compression_disable_checksumming_on_decompress", "add_http_cors_header"}
    | {"http_wait_end_of_query", "http_response_buffer_size"}
)
"""Settings that speak of this interface; the engine need not hear them."""

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and how they said it."""

    user: str
    password: str


@dataclass(slots=True)
class Parameters:
    """One request, understood.

    Attributes:
        settings: to apply to this query alone.
        bound: values of `{name:Type}`, in TSV-escaped form.
        default_format: of the answer, or of an INSERT, where the statement names none.
        accept_encoding: empty when the answer must not be compressed.
        query: the `query` parameter as bytes.
        role: roles asked for.
    """

    credentials: Credentials
    query: bytes = b""
    settings: dict[str, str] = field(default_factory=dict)
    bound: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    default_format: str = "TabSeparated"
    http: dict[str, str] = field(default_factory=dict)

    def is_on(self, name: str) -> bool:
        """Whether a flag of the interface is set."""
        return self.own.get(name, "0").lower() in ("1", "true")


def read(request: Request, fields: list[tuple[str, str]] | None = None) -> Parameters:
    """Understand the query string and headers of a request.

    Args:
        request: as it came.
        fields: form fields of a multipart body, which count as parameters too.

    Raises:
        EngineError: credentials given in two ways, UNKNOWN_SETTING for what cannot be a setting.
    """
    pairs = parse_qsl(
        request.query, keep_blank_values=True, encoding="utf-8", errors="surrogateescape"
    )
    pairs += fields or []
    parameters = Parameters(_credentials(request, dict(pairs)))
    for name, value in pairs:
        if name == "query":
            parameters.query += value.encode("utf-8", "surrogateescape")
        elif name == "role":
            parameters.roles.append(value)
        elif name in _OWN:
            parameters.own[name] = value
        elif name in _ABOUT_HTTP:
            parameters.http[name] = value
        elif name.startswith("param_"):
            parameters.bound[name.removeprefix("param_")] = value
        elif _SETTING_NAME.match(name):
            parameters.settings[name] = value
        else:
            raise EngineError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
    headers = request.headers
    database = parameters.own.get("database") or headers.get("x-clickhouse-database", "")
    parameters.own["database"] = database
    parameters.default_format = (
        parameters.own.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
    )
    return parameters


def _credentials(request: Request, pairs: dict[str, str]) -> Credentials:
    headers = request.headers
    by_headers = "x-clickhouse-user" in headers or "x-clickhouse-key" in headers
    by_basic = headers.get("authorization", "")
    by_parameters = "user" in pairs or "password" in pairs
    if by_headers + bool(by_basic) + by_parameters > 1:
        raise EngineError(
            516,
            "AUTHENTICATION_FAILED",
            "Invalid authentication: it is not allowed to use Authorization HTTP header, "
            "X-ClickHouse HTTP headers and authentication via parameters simultaneously",
        )
    if by_headers:
        return Credentials(
            headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
        )
    if by_basic:
        return _basic(by_basic)
    return Credentials(pairs.get("user") or "default", pairs.get("password", ""))


def _basic(header: str) -> Credentials:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise EngineError(
            516,
            "AUTHENTICATION_FAILED",
            f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported",
        )
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise EngineError(
            516, "AUTHENTICATION_FAILED", "Invalid authentication: bad Authorization header"
        ) from error
    user, _, password = decoded.partition(":")
    return Credentials(user or "default", password)
