"""Everything of AWS that change data capture only touches: answered by moto, loaded on first use.

STS, CloudWatch, SQS, IAM and the rest reach moto's own WSGI application untouched. DynamoDB,
Kinesis and S3 never come here. The only module that knows
moto.

Importing moto takes longer than starting everything else, so nothing here imports it before the
first request, or before `preload()`.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import orjson

from harness.smithyrpc import BadRpc, from_json, is_rpc, refusal, to_json
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.web.message import Request

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


INTERNAL_SERVER_ERROR = 500

log = logging.getLogger(__name__)


class LongTail:
    """moto's services as an `App`; every request runs in a thread.

    Args:
        account: the account id that its answers name.
    """

    def __init__(self, *, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._application: Wsgi | None = None

    def __call__(self, request: Request) -> Response:
        """Answer one request by moto; what it stumbles over is refused as not emulated."""
        if not is_rpc(request):
            return self._answer(request)
        try:
            call = to_json(request)
        except BadRpc as error:
            return refusal(error)
        return from_json(call, self._answer(call))

    def runs_in_thread(self, request: Request) -> bool:
        """Always: the first request imports moto, and none of them is quick."""
        return True

    def preload(self) -> None:
        """Import moto now, so that no request has to wait for it."""
        self._loaded()

    def _answer(self, request: Request) -> Response:
        application = self._loaded()
        try:
            answer = call_wsgi(application, request)
        except Exception as error:  # the edge to code that raises what it likes
            log.warning("moto failed on %s %s", request.method, request.path, exc_info=True)
            return _not_emulated(request, type(error).__name__)
        if answer.status == INTERNAL_SERVER_ERROR:
            return _not_emulated(request, "an internal error")
        return answer

    def _loaded(self) -> Wsgi:
        with self._lock:
            if self._application is None:
                # moto reads its account id from the environment, once, when it is imported.
                os.environ.setdefault("MOTO_ACCOUNT_ID", self._account)
                from moto.moto_server.werkzeug_app import (
                    DomainDispatcherApplication,
                    create_backend_app,
                )

                self._application = DomainDispatcherApplication(create_backend_app)
            return self._application


def _not_emulated(request: Request, failure: str) -> Response:
    message = f"not emulated: moto answered this request with {failure}"
    if "x-amz-target" in request.headers:
        body = orjson.dumps({"__type": "NotImplemented", "message": message})
        return Response(501, {"content-type": "application/x-amz-json-1.0"}, body)
    text = f"<Error><Code>NotImplemented</Code><Message>{message}</Message></Error>"
    return Response(501, {"content-type": "application/xml"}, text.encode())


def call_wsgi(application: Wsgi, request: Request) -> Response:
    """Answer `request` by a WSGI application."""
    host, _, port = request.headers.get("host", "localhost:80").partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "RAW_URI": request.path + (f"?{request.query}" if request.query else ""),
        "QUERY_STRING": request.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.peer.rpartition(":")[0],
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    answer = Response()

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        answer.status = int(status.partition(" ")[0])
        answer.headers = dict(headers)

    pieces = application(environ, start_response)
    try:
        answer.body = b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return answer
