"""A server on this machine that misbehaves as told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Mirror(ThreadingHTTPServer):
    """Serves `files`, and notes each request's first byte in `asked`."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked = []
        self.cuts = []  # how many bytes to send before cutting, request by request
        self.ranges = True
        self.folder = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.folder}/{next(iter(files), '')}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        content = self.server.files.get(self.path.strip("/"))
        start = int((self.headers["Range"] or "bytes=0-")[len("bytes=") : -1])
        self.server.asked.append(start)
        if content is None:
            self.send_error(404)
            return
        if start and start >= len(content):
            self.send_error(416)
            return
        if start and self.server.ranges:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            content = content[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[:cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Starts mirrors, and stops them after the test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = []

    def start(files):
        mirror = Mirror(files)
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield start
    for mirror, thread in running:
        mirror.shutdown()
        thread.join()
        mirror.server_close()
