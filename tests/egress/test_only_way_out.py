"""No other module of the product has a way to the network."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import imported, modules, package_of

WAYS_OUT = (
    "httpcore", "requests", "urllib.request", "urllib3", "http.client", "socket", "aiohttp",
    "ftplib", "smtplib", "telnetlib", "websockets", "trafilatura.downloads", "trafilatura.feeds",
    "trafilatura.sitemaps", "trafilatura.spider", "trafilatura.fetch_url",
    "trafilatura.fetch_response",
)  # fmt: skip
# What opens a connection. The rest of httpx (URLs, exceptions, types) anyone may use.
OPENERS = frozenset(
    {
        "AsyncClient", "AsyncHTTPTransport", "Client", "HTTPTransport", "delete", "get", "head",
        "options", "patch", "post", "put", "request", "stream",
    }
)  # fmt: skip
# Path prefix to what may be imported there, and why.
ALLOWED = {
    "minirag/egress/": ("httpcore", "socket"),  # the guard itself
    "ingestion/parsing/": ("socket",),  # AF_UNIX between worker and zygote
    "minirag/management/": ("socket",),  # whether the port to serve on is free
    "chat/management/": ("http.client",),  # the server of this very folder, on loopback
    "minirag/probe.py": ("http.client",),  # a container's health check of itself
}


def _is(name: str, way: str) -> bool:
    return name == way or name.startswith(f"{way}.")


def _openers(tree: ast.AST) -> list[str]:
    """Calls of ``httpx.<opener>``, and openers imported by name.

    A client over a transport of our own is none: that transport has no way out but a guarded one.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            over_ours = any(keyword.arg == "transport" for keyword in node.keywords)
            if isinstance(owner, ast.Name) and owner.id == "httpx" and node.func.attr in OPENERS:
                if over_ours:
                    continue
                found.append(f"{node.lineno}: httpx.{node.func.attr}(…)")
        if isinstance(node, ast.ImportFrom) and node.module == "httpx":
            found += [f"{node.lineno}: {a.name}" for a in node.names if a.name in OPENERS]
        if isinstance(node, ast.Import):
            found += [f"{node.lineno}: alias" for a in node.names if a.name == "httpx" and a.asname]
    return found


def _only_asks_its_name(tree: ast.AST) -> bool:
    """``socket`` imported for ``socket.gethostname()`` and nothing else."""
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "socket"
    }
    return used == {"gethostname"}


@pytest.mark.parametrize("path", modules())
def test_only_the_guard_may_open_connections(path: str) -> None:
    allowed = [way for prefix, ways in ALLOWED.items() if path.startswith(prefix) for way in ways]
    if _only_asks_its_name(modules()[path]):
        allowed.append("socket")
    wrong = {
        f"{path}:{line} imports {name}"
        for name, line in imported(modules()[path], package_of(path))
        for way in WAYS_OUT
        if _is(name, way) and way not in allowed
    }
    assert not wrong
    if not path.startswith("minirag/egress/"):
        assert not _openers(modules()[path]), path


@pytest.mark.parametrize(
    "code", ["import httpx\nhttpx.get('http://x')", "from httpx import Client", "import httpx as h"]
)
def test_the_rule_sees_a_way_out_when_there_is_one(code: str) -> None:
    assert _openers(ast.parse(code))
