"""Services on real sockets: an endpoint that apprise's `json://` posts to, and a mail server that keeps its mail."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Endpoint:
    """What was posted. `statuses` are answered in order, then 200; while `hold` is set no answer comes."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    hold: threading.Event | None = None

    def url(self, path: str = "", scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if found.hold is not None:
                found.hold.wait(timeout=30)
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        if found.hold is not None:
            found.hold.set()
        server.shutdown()
        server.server_close()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A port that speaks as much SMTP as one mail needs, and the mails that came."""
    mails: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_receive, args=(server, mails), daemon=True).start()
        yield server.getsockname()[1], mails


def _receive(server: socket.socket, mails: list[str]) -> None:
    client, _ = server.accept()
    with client, client.makefile("rwb", buffering=0) as stream:

        def reply(text: str) -> None:
            stream.write(f"{text}\r\n".encode())

        reply("220 tests ESMTP")
        while line := stream.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                reply("354 go on")
                mails.append("".join(each.decode() for each in iter(stream.readline, b".\r\n")))
            reply("221 bye" if verb == b"QUIT" else "250 fine")
