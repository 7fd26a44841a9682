"""The picture of runs as a page that this machine alone can open: one file that asks, again and again, for the views as
JSON. Nothing but 127.0.0.1 is listened on, nothing of the runs is served but what the terminal shows too and the pages
that `redone report` left in them."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from redone.watch import Looking

HOST = "127.0.0.1"  # nothing else ever listens
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGES = ("report.html", "rollouts.html")
LEFT = re.compile(r"/run/(\d{1,4})/(report\.html|rollouts\.html|rollouts/[\w-]+\.js)")  # a run by its place, a file
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Views:
    """What the runs' files say, looked at when somebody asks, and no more often than every so many seconds."""

    def __init__(self, looking: Looking, pause: Callable[[float], float]) -> None:
        self.looking, self.pause = looking, pause
        self.lock = threading.Lock()
        self.next = 0.0
        self.made = b""

    def json(self) -> bytes:
        with self.lock:
            if not self.made or time.monotonic() >= self.next:
                began = time.process_time()
                views = [asdict(one) for one in self.looking.views()]
                wait = self.pause(time.process_time() - began if self.made else 0.0)
                said = {"now": time.time(), "wait": wait, "runs": views, "pages": self.pages()}
                self.made = json.dumps(said, allow_nan=False).encode()
                self.next = time.monotonic() + wait
            return self.made

    def pages(self) -> list[list[str]]:
        """Of each run those of PAGES that `redone report` has left."""
        return [[name for name in PAGES if (one.folder / name).is_file()] for one in self.looking.followers]

    def left(self, path: str) -> bytes | None:
        """The file that such an address of a page is, where there is one; no link out of the folder is followed."""
        found = LEFT.fullmatch(path)
        if not found or int(found[1]) >= len(self.looking.followers):
            return None
        file = self.looking.followers[int(found[1])].folder / found[2]
        return file.read_bytes() if file.is_file() and not (file.is_symlink() or file.parent.is_symlink()) else None


def server(views: Views, port: int = 0) -> ThreadingHTTPServer:
    """The server, which listens once it is made. port: 0 for one that is free. Raises OSError where it is taken."""
    page = resources.files("redone.watch").joinpath("page.html").read_text(encoding="utf-8")
    policy = POLICY.format(script=_hash(page, "script"), style=_hash(page, "style"))

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "redone", ""
        timeout = 10  # seconds for a request

        def do_GET(self) -> None:
            host = self.headers.get("Host", "")
            if host not in (f"{HOST}:{self.server.server_port}", f"localhost:{self.server.server_port}"):  # type: ignore[attr-defined]
                self._send(HTTPStatus.FORBIDDEN, b"This page is for this machine alone.\n", "text/plain")
            elif self.path == "/":
                self._send(HTTPStatus.OK, page.encode(), "text/html", {"Content-Security-Policy": policy})
            elif self.path == "/view.json":
                self._send(HTTPStatus.OK, views.json(), "application/json")
            elif (body := views.left(self.path)) is not None:
                self._send(HTTPStatus.OK, body, "text/javascript" if self.path.endswith(".js") else "text/html")
            else:
                self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.\n", "text/plain")

        def _send(self, status: HTTPStatus, body: bytes, kind: str, more: Mapping[str, Any] = {}) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": f"{kind}; charset=utf-8", **HEADERS, **more}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the browser has gone
                self.close_connection = True

    made = ThreadingHTTPServer((HOST, port), Handler)
    made.daemon_threads = True
    return made


def _hash(page: str, tag: str) -> str:
    """What the page's policy allows of that kind: the one element that it has, and nothing that is put into it."""
    import base64
    import hashlib

    inside = page.split(f"<{tag}>", 1)[1].split(f"</{tag}>", 1)[0]
    return "sha256-" + base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
