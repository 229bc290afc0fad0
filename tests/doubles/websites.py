"""A web site and a sentinel on loopback, and a resolver outside the product's code."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

import pytest
from pytest_django.fixtures import Settings

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """An HTTP server whose pages a test sets; it keeps what it was sent."""

    port: int = 0
    connections: int = 0
    pages: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "site.test") -> str:
        return f"http://{host}:{self.port}{path}"

    def page(self, path: str, body: bytes, **headers: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            reply(handler, 200, body, {name.replace("_", "-"): v for name, v in headers.items()})

        self.pages[path] = answer

    def tagged(self, path: str, body: bytes, etag: str, mime: str = "text/html") -> None:
        """A page whose server knows when a visitor has it already."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            same = handler.headers.get("If-None-Match") == etag
            headers = {"ETag": etag, "Content-Type": mime}
            reply(handler, 304 if same else 200, b"" if same else body, headers)

        self.pages[path] = answer

    def sitemap(self, paths: Iterable[str], at: str = "/sitemap.xml", kind: str = "url") -> None:
        """A sitemap of these paths or addresses; of kind ``sitemap`` it is an index."""
        urls = [path if "://" in path else self.url(path) for path in paths]
        self.page(at, sitemap_xml(urls, kind), Content_Type="application/xml")

    def fails(self, path: str, status: int) -> None:
        self.pages[path] = lambda handler: reply(handler, status, b"no", {})

    def paths(self) -> list[str]:
        """What was asked for since the last call."""
        asked = [path for path, _ in self.requests]
        self.requests.clear()
        return asked

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.pages[path] = lambda handler: reply(handler, status, b"", {"Location": to})


def sitemap_xml(urls: Iterable[str], kind: str = "url") -> bytes:
    entries = "".join(f"<{kind}><loc>{escape(url)}</loc></{kind}>" for url in urls)
    root = "urlset" if kind == "url" else "sitemapindex"
    names = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0"?><{root} xmlns="{names}">{entries}</{root}>'.encode()


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def serve(site: Site) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            site.connections += 1
            super().setup()

        def do_GET(self) -> None:
            site.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            missing: Answer = lambda handler: reply(handler, 404, b"no", {})  # noqa: E731
            try:
                site.pages.get(self.path, missing)(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture
def sentinel() -> Iterator[Site]:
    """An internal service: no test may leave a connection here."""
    site = Site()
    site.page("/", b"secret")
    server = serve(site)
    yield site
    server.shutdown()
    server.server_close()
    assert site.connections == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names to their answers, one list per lookup, the last one repeated."""
    table: dict[str, list[list[str]]] = {"site.test": [["127.0.0.1"]]}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        answers = table.get(host)
        if answers is None:
            # Literals and odd spellings are the C library's to read; names exist in the table only.
            return real(host, port, *args, **{**options, "flags": socket.AI_NUMERICHOST})
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.fixture
def site(names: dict[str, list[list[str]]], settings: Settings) -> Iterator[Site]:
    """A web site that the operator allows by name."""
    site = Site()
    server = serve(site)
    settings.MINIRAG_EGRESS_ALLOW = [f"source:site.test:{site.port}"]
    yield site
    server.shutdown()
    server.server_close()
