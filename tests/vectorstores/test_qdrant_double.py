"""The double is strict: it sees what the product must never ask."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import numpy as np
import pytest

from minirag.errors import RetrievalUnavailable
from minirag.types import PointSelector
from minirag.vectorstores.qdrant import QdrantStore
from tests.doubles.qdrant_rest import QdrantDouble
from tests.vectorstores.corpus import make_point, new_space

ROOT = Path(__file__).resolve().parents[2]
SPACE = new_space()
TENANT = {"key": "tenant_id", "match": {"value": str(uuid4())}}
OWN = {"must": [TENANT]}
DENSE = [1.0] + [0.0] * 7


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantDouble]:
    with QdrantDouble(tmp_path_factory.mktemp("double")) as double:
        store = QdrantStore(double.url)
        store.ensure_collection(SPACE)
        store.close()
        yield double


FILTERS = {
    "none": None,
    "empty": {},
    "should": {"should": [TENANT]},
    "nested": {"must": [{"must": [TENANT]}]},
    "several": {"must": [{"key": "tenant_id", "match": {"any": ["a", "b"]}}]},
    "two": {"must": [TENANT, TENANT]},
    "other": {"must": [{"key": "source_id", "match": {"value": "a"}}]},
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("operation", ["query", "prefetch", "idf", "scroll", "count", "delete"])
def test_points_are_reached_by_one_tenant_only(
    double: QdrantDouble, operation: str, name: str
) -> None:
    bad = FILTERS[name]
    dense = {"query": DENSE, "using": "dense", "filter": OWN}
    sparse = {"query": {"indices": [1], "values": [1.0]}, "using": "sparse", "filter": OWN}
    path, body = {
        "query": ("query", {"query": DENSE, "using": "dense", "filter": bad}),
        "prefetch": (
            "query",
            {
                "query": {"fusion": "dbsf"},
                "filter": OWN,
                "prefetch": [dense, {**dense, "filter": bad}],
            },
        ),
        "idf": (
            "query",
            {
                "query": {"fusion": "dbsf"},
                "filter": OWN,
                "prefetch": [dense, {**sparse, "params": {"idf": {"corpus": bad or {}}}}],
            },
        ),
        "scroll": ("scroll", {"filter": bad}),
        "count": ("count", {"filter": bad}),
        "delete": ("delete?wait=true", {"filter": bad}),
    }[operation]
    double.violations.clear()
    answer = httpx.post(f"{double.url}/collections/{SPACE.collection}/points/{path}", json=body)
    assert answer.status_code == 400
    assert len(httpx.get(f"{double.url}/violations").json()) == 1


def test_deleting_and_reading_by_bare_ids_and_hasty_writes_are_violations(
    double: QdrantDouble,
) -> None:
    double.violations.clear()
    base = f"{double.url}/collections/{SPACE.collection}/points"
    assert httpx.post(f"{base}/delete?wait=true", json={"points": [1]}).status_code == 400
    assert httpx.post(base, json={"ids": [1]}).status_code == 400
    assert httpx.post(f"{base}/delete", json={"filter": OWN}).status_code == 400
    assert httpx.put(base, json={"points": []}).status_code == 400
    assert len(double.violations) == 4


def test_a_request_whose_body_never_came_is_none(double: QdrantDouble) -> None:
    """Its sender was killed behind the headers: what it would have asked is nobody's fault."""
    double.violations.clear()
    address = urlsplit(double.url)
    path = f"/collections/{SPACE.collection}/points/delete?wait=true"
    with socket.create_connection((address.hostname, address.port)) as sender:
        sender.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n".encode())
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b"", "it is not answered"
    assert double.violations == []


def test_the_same_request_with_its_tenant_passes(double: QdrantDouble) -> None:
    base = f"{double.url}/collections/{SPACE.collection}/points"
    assert httpx.post(f"{base}/count", json={"filter": OWN}).json()["result"] == {"count": 0}
    assert httpx.post(f"{base}/delete?wait=true", json={"filter": OWN}).status_code == 200


def test_the_collection_is_created_strict_with_its_tenant_index(double: QdrantDouble) -> None:
    info = httpx.get(f"{double.url}/collections/{SPACE.collection}").json()["result"]
    assert set(info["payload_schema"]) == {"tenant_id", "source_id", "document_id"}
    strict = info["config"]["strict_mode_config"]
    assert strict["enabled"] is True
    assert strict["unindexed_filtering_retrieve"] is False


def test_a_key_is_asked_for_where_one_is_set(tmp_path: Path) -> None:
    with QdrantDouble(tmp_path, api_key="k3y") as double:
        QdrantStore(double.url, "k3y").ping()
        for key in ("", "wrong"):
            with pytest.raises(RetrievalUnavailable):
                QdrantStore(double.url, key).ping()


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.doubles.qdrant_rest", "--dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            store = QdrantStore(child.stdout.readline().strip())
            space, tenant = new_space(), uuid4()
            store.ensure_collection(space)
            store.upsert(space, tenant, [make_point(np.random.default_rng(1))])
            assert store.count(space, tenant, PointSelector()) == 1
            store.close()
        finally:
            child.kill()
