"""The HTTP server for /health, /ready and /metrics, in threads of its own, so that it answers while the loop hangs.

/health: the program's loop comes round. /ready: it has what it needs to work. Both answer 200 or 503 with a JSON body
that says why. There is nothing to send to it and nothing secret in it; it still belongs on loopback.
"""

import errno
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

import structlog

from ingest.config import HealthSettings
from ingest.errors import IngestError, SettingsError
from ingest.health.metrics import exposition
from ingest.health.vitals import LOOP_SECONDS, Vitals

log = structlog.get_logger()

Answer = tuple[HTTPStatus, bytes, str]
_PATIENCE_SECONDS = 10.0  # with a client that does not go on


@contextmanager
def healthy(settings: HealthSettings, vitals: Vitals) -> Iterator[None]:
    """Answer at the address of the settings while the body runs; nowhere when the port is 0.

    Raises SettingsError when that address cannot be had.
    """
    if not settings.port:
        yield
        return
    with serving(settings.host, settings.port, vitals) as port:
        log.info("health_served", at=f"http://{settings.host}:{port}/health")
        yield


@contextmanager
def serving(host: str, port: int, vitals: Vitals) -> Iterator[int]:
    """Answer on a port (0: any free one) while the body runs. Gives the port."""
    server = _bound(host, port, partial(_Asked, _answers(vitals)))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Without the base class's search for the host's full name, which can take long where there is no DNS."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or values that could not be had: never a trace on the screen."""
        log.warning("health_answer_failed", because=repr(sys.exception()))


class _Server6(_Server):
    address_family = socket.AF_INET6


def _bound(host: str, port: int, asked: Callable[..., BaseHTTPRequestHandler]) -> _Server:
    kind = _Server6 if ":" in host else _Server
    try:
        return kind((host, port), asked)
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"The health server cannot have {where}: another program listens there.",
                hint="Set INGEST_HEALTH_PORT to a free port, or to 0 for none.",
            ) from None
        raise SettingsError(
            f"The health server cannot have {where}: {error.strerror or error}.",
            hint="Correct INGEST_HEALTH_HOST and INGEST_HEALTH_PORT; port 0 is none.",
        ) from None


def _answers(vitals: Vitals) -> Callable[[str, str], Answer]:
    expose = exposition(vitals.snapshot)

    def answer(path: str, accept: str) -> Answer:
        match path:
            case "/health":
                return _health(vitals)
            case "/ready":
                return _ready(vitals)
            case "/metrics":
                body, content_type = expose(accept)
                return HTTPStatus.OK, body, content_type
            case _:
                return _json(HTTPStatus.NOT_FOUND, {"there_is": ["/health", "/ready", "/metrics"]})

    return answer


def _health(vitals: Vitals) -> Answer:
    facts: dict[str, Any] = {"alive": vitals.pulse.is_alive, "loop_seconds": round(vitals.pulse.age, 1)}
    if facts["alive"]:
        return _json(HTTPStatus.OK, facts)
    return _json(HTTPStatus.SERVICE_UNAVAILABLE, facts | {"why": _hangs()})


def _ready(vitals: Vitals) -> Answer:
    missing = {name: problem for name, check in vitals.checks.items() if (problem := _checked(name, check))}
    if not vitals.pulse.is_alive:
        missing["loop"] = _hangs()
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return _json(status, {"ready": not missing, "missing": missing})


def _checked(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except IngestError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - what cannot be asked is not ready; the log has the rest
        log.warning("health_check_failed", check=name, because=repr(error))
        return f"cannot be asked ({type(error).__name__})"


def _hangs() -> str:
    return f"the program's loop has not come round for {LOOP_SECONDS:g} s"


def _json(status: HTTPStatus, document: dict[str, Any]) -> Answer:
    return status, json.dumps(document).encode() + b"\n", "application/json"


class _Asked(BaseHTTPRequestHandler):
    """One request."""

    timeout = _PATIENCE_SECONDS
    server_version = "ingest"
    sys_version = ""

    def __init__(self, answer: Callable[[str, str], Answer], *given: Any) -> None:
        self._answer = answer
        super().__init__(*given)

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def _reply(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        status, body, content_type = self._answer(path.rstrip("/") or "/", self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A probe every few seconds is no news."""
