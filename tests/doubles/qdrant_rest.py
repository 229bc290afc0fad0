"""A small Qdrant REST server over the embedded engine, for the unmodified qdrant-client.

It proves addresses, JSON, filters and fusion; not gRPC, JWT or replication. It is stricter than the
real one: a request that reaches points without naming one tenant is refused, and so is a write that
does not wait; both are kept at ``/violations``.

``python -m tests.doubles.qdrant_rest --port 6333 --dir /some/folder [--api-key K]``
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import qdrant_edge as engine

from tests.doubles import qdrant_engine
from tests.doubles.qdrant_engine import Body, Collections, Refused

VERSION = {"title": "qdrant - vector search engine", "version": "1.20.0"}
Fault = Callable[[BaseHTTPRequestHandler, str, bytes], bool]
PLAIN = {"/": VERSION, "/healthz": "ok", "/readyz": "ok", "/livez": "ok"}
_SCHEMA = {engine.PayloadSchemaType.Uuid: "uuid", engine.PayloadSchemaType.Keyword: "keyword"}


class QdrantDouble:
    """The server in a thread. ``with QdrantDouble(folder) as double: QdrantStore(double.url)``."""

    def __init__(self, folder: Path, *, port: int = 0, api_key: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.collections = Collections(folder)
        self.api_key = api_key
        self.violations: list[str] = []
        # Plays a fault on a call in the double's place; True where it has answered.
        self.fault: Fault = lambda handler, path, body: False
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> QdrantDouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.collections.close()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def answer(self, method: str, target: str, body: Body) -> Any:
        """The ``result`` of a call; raises ``Refused``."""
        parts = urlsplit(target)
        for route, pattern, handler in ROUTES:
            match = pattern.fullmatch(unquote(parts.path))
            if route == method and match:
                self._check_wait(handler, parts.query)
                return handler(self, *match.groups(), body)
        raise Refused(404, f"not known to this double: {method} {parts.path}")

    def _check_wait(self, handler: Callable[..., Any], query: str) -> None:
        if handler in (_upsert, _delete) and parse_qs(query).get("wait") != ["true"]:
            raise Refused(400, "a write that does not wait", violation=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, double: QdrantDouble, port: int) -> None:
        self.double = double
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        """One call, from its body to its answer."""
        double = self.server.double
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if len(raw) < length:  # its sender is gone: half a request is none
            self.close_connection = True
            return None
        path = urlsplit(self.path).path
        if double.fault(self, path, raw):
            return None
        if path in PLAIN:
            return self.send(200, PLAIN[path])
        if path == "/violations":
            return self.send(200, double.violations)
        try:
            if double.api_key and self.headers.get("api-key") != double.api_key:
                raise Refused(401, "Must provide an API key")
            result = double.answer(self.command, self.path, json.loads(raw or b"{}"))
        except Refused as exc:
            if exc.violation:
                double.violations.append(f"{self.command} {path}: {exc.message}")
            return self.send(exc.status, {"status": {"error": exc.message}, "time": 0.0})
        except (KeyError, ValueError, TypeError) as exc:
            return self.send(400, {"status": {"error": f"bad body: {exc!r}"}, "time": 0.0})
        except Exception as exc:  # noqa: BLE001 -- the engine raises bare Exception
            status = 400 if "dimension" in str(exc) else 500
            return self.send(status, {"status": {"error": str(exc)}, "time": 0.0})
        return self.send(200, {"result": result, "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_POST = do_DELETE = _serve

    def send(self, status: int, body: Any, **headers: str) -> None:
        """Answer in JSON."""
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: a test run has enough to say."""


# --- routes ------------------------------------------------------------------------------------


def _list(double: QdrantDouble, _: Body) -> Any:
    return {"collections": [{"name": name} for name in double.collections.names()]}


def _exists(double: QdrantDouble, name: str, _: Body) -> Any:
    return {"exists": double.collections.exists(name)}


def _create(double: QdrantDouble, name: str, body: Body) -> Any:
    double.collections.create(name, body)
    return True


def _drop(double: QdrantDouble, name: str, _: Body) -> Any:
    return double.collections.delete(name)


def _info(double: QdrantDouble, name: str, _: Body) -> Any:
    settings = double.collections.settings(name)
    info = double.collections.shard(name).info()
    schema = {
        key: {"data_type": _SCHEMA[index.data_type], "points": index.points}
        for key, index in info.payload_schema.items()
    }
    params = {key: settings[key] for key in ("vectors", "sparse_vectors") if key in settings}
    hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000}
    optimizer = {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    }
    config = {
        "params": params,
        "hnsw_config": hnsw,
        "optimizer_config": optimizer,
        "strict_mode_config": settings.get("strict_mode_config"),
    }
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": info.segments_count,
        "points_count": info.points_count,
        "config": config,
        "payload_schema": schema,
    }


def _index(double: QdrantDouble, name: str, body: Body) -> Any:
    schema = body["field_schema"]
    if schema.get("type") != "uuid":
        raise Refused(400, "this double knows uuid indexes only")
    params = engine.UuidIndexParams(is_tenant=schema.get("is_tenant"))
    operation = engine.UpdateOperation.create_field_index(body["field_name"], params)
    double.collections.shard(name).update(operation)
    return _DONE


def _upsert(double: QdrantDouble, name: str, body: Body) -> Any:
    qdrant_engine.upsert(double.collections.shard(name), body)
    return _DONE


def _delete(double: QdrantDouble, name: str, body: Body) -> Any:
    qdrant_engine.delete(double.collections.shard(name), body)
    return _DONE


def _count(double: QdrantDouble, name: str, body: Body) -> Any:
    return qdrant_engine.count(double.collections.shard(name), body)


def _scroll(double: QdrantDouble, name: str, body: Body) -> Any:
    return qdrant_engine.scroll(double.collections.shard(name), body)


def _query(double: QdrantDouble, name: str, body: Body) -> Any:
    return qdrant_engine.query(double.collections.shard(name), body)


def _retrieve(double: QdrantDouble, name: str, body: Body) -> Any:
    raise Refused(400, "retrieve by ids, without a tenant", violation=True)


_DONE = {"operation_id": 0, "status": "completed"}
_ONE = "/collections/([^/]+)"
ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
    (method, re.compile(path), handler)
    for method, path, handler in (
        ("GET", "/collections", _list),
        ("GET", f"{_ONE}/exists", _exists),
        ("GET", _ONE, _info),
        ("PUT", _ONE, _create),
        ("DELETE", _ONE, _drop),
        ("PUT", f"{_ONE}/index", _index),
        ("PUT", f"{_ONE}/points", _upsert),
        ("POST", f"{_ONE}/points", _retrieve),
        ("POST", f"{_ONE}/points/delete", _delete),
        ("POST", f"{_ONE}/points/count", _count),
        ("POST", f"{_ONE}/points/scroll", _scroll),
        ("POST", f"{_ONE}/points/query", _query),
    )
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--api-key", default="")
    options = parser.parse_args()
    double = QdrantDouble(options.dir, port=options.port, api_key=options.api_key)
    sys.stdout.write(f"{double.url}\n")
    sys.stdout.flush()
    double.serve_forever()


if __name__ == "__main__":
    main()
