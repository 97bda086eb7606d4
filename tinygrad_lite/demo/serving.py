"""The page with a network of one's own in it, and a server for it on this machine alone."""

from __future__ import annotations

import base64
import html
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = Path(__file__).parent / "page" / "index.html"
"""The built page, complete in one file."""

HOST = "127.0.0.1"

_MARK = "<!-- given network -->"


def page_with(name: str = "", content: bytes = b"") -> str:
    """The page as HTML.

    Args:
        name, content: of a network file for it to begin with, neurons as JSON or a graph.

    >>> 'data-name="mine.json"' in page_with("mine.json", b"{}")
    True
    """
    page = PAGE.read_text(encoding="utf-8")
    if not content:
        return page
    data = base64.b64encode(content).decode("ascii")
    shown = html.escape(name, quote=True)
    element = f'<script type="text/plain" id="given-network" data-name="{shown}">{data}</script>'
    return page.replace(_MARK, element)


def server_of(page: str, port: int = 0) -> ThreadingHTTPServer:
    """A server of one page at 127.0.0.1, which nobody but this machine can reach.

    Args:
        page: HTML.
        port: 0 for any that is free; `server_address` tells.

    Raises:
        OSError: the port is taken.
    """
    return ThreadingHTTPServer((HOST, port), partial(_Handler, page.encode("utf-8")))


class _Handler(BaseHTTPRequestHandler):
    """Answers / with the page, and nothing else."""

    def __init__(self, page: bytes, *connection: Any) -> None:
        self.page = page
        super().__init__(*connection)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        # Another site's name that leads to 127.0.0.1 must not let that site read the page.
        if _host_in(self.headers.get("Host", "")) not in (HOST, "localhost"):
            self.send_error(403, "this page is served to this machine alone")
        elif self.path not in ("/", "/index.html"):
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(self.page)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if with_body:
                self.wfile.write(self.page)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


def _host_in(header: str) -> str | None:
    """The name in a Host header, whose port is left out where it is HTTP's own."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
