"""The embedded store alone: durability, one holder, forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from minirag.errors import ErrorCode, Unavailable
from minirag.types import PointSelector, VectorSpace
from minirag.vectorstores.edge import EdgeStore
from tests.vectorstores.corpus import Tenant, make_query

ROOT = Path(__file__).resolve().parents[2]
SPACE = VectorSpace("test/kill", 8)
TENANT = UUID(int=1)
WRITER = """
import sys
from pathlib import Path
import numpy as np
from minirag.vectorstores.edge import EdgeStore
from tests.vectorstores.corpus import Tenant
from tests.vectorstores.test_edge import SPACE, TENANT
store = EdgeStore(Path(sys.argv[1]))
store.ensure_collection(SPACE)
points = Tenant.with_points(np.random.default_rng(1), sources=1, each=300).points
for start in range(0, 300, 50):
    store.upsert(SPACE, TENANT, points[start:start + 50])
print(points[0].source_id, flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def python(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_what_upsert_returned_for_survives_kill_9(tmp_path: Path) -> None:
    with python(WRITER, tmp_path) as child:
        source = UUID(line(child))
        child.send_signal(signal.SIGKILL)
        child.wait()
    store = EdgeStore(tmp_path)
    assert store.count(SPACE, TENANT, PointSelector()) == 300
    assert len(set(store.scroll_ids(SPACE, TENANT, PointSelector()))) == 300
    assert len(store.search(SPACE, TENANT, make_query(np.random.default_rng(2), [source]))) == 10
    store.close()


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    with python(WRITER, tmp_path) as child:
        assert line(child)
        second = EdgeStore(tmp_path)
        for call in (second.ping, lambda: second.count(SPACE, TENANT, PointSelector())):
            with pytest.raises(Unavailable) as caught:
                call()
            assert f"process {child.pid} " in caught.value.message
            assert "stop it" in caught.value.message
            assert str(tmp_path) not in caught.value.message
        child.communicate("")
        # The same store works as soon as the other one is gone.
        assert second.count(SPACE, TENANT, PointSelector()) == 300
        second.close()


def test_a_second_store_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    first = EdgeStore(tmp_path)
    first.ping()
    with pytest.raises(Unavailable, match=f"process {os.getpid()} "):
        EdgeStore(tmp_path).ping()
    first.close()
    EdgeStore(tmp_path).ping()


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path / "vectors")
    assert not (tmp_path / "vectors").exists()
    store.close()


def test_a_fork_with_an_open_store_is_told_and_does_not_hang(tmp_path: Path) -> None:
    forking = """
import os, sys, signal
from pathlib import Path
from uuid import UUID
import numpy as np
from minirag.errors import MiniRAGError
from minirag.vectorstores.edge import EdgeStore
from tests.vectorstores.corpus import make_query
from tests.vectorstores.test_edge import SPACE, TENANT
store = EdgeStore(Path(sys.argv[1]))
store.ensure_collection(SPACE)
query = make_query(np.random.default_rng(1), [UUID(int=2)])
store.search(SPACE, TENANT, query)
child = os.fork()
if not child:
    signal.alarm(20)
    try:
        store.search(SPACE, TENANT, query)
    except MiniRAGError as exc:
        print(exc.code, flush=True)
    store.close()
    os._exit(0)
print("ended", os.waitpid(child, 0)[1], flush=True)
print(store.search(SPACE, TENANT, query), flush=True)
store.close()
"""
    with python(forking, tmp_path) as child:
        assert line(child) == ErrorCode.UNAVAILABLE
        assert line(child) == "ended 0"
        assert line(child) == "[]"
        assert child.wait() == 0


def test_a_kill_while_creating_leaves_no_half_collection(tmp_path: Path) -> None:
    half = tmp_path / f"{SPACE.collection}.new"
    half.mkdir()
    (half / "edge_config.json").write_text("{")
    store = EdgeStore(tmp_path)
    assert store.count(SPACE, TENANT, PointSelector()) == 0
    store.ensure_collection(SPACE)
    tenant = Tenant.with_points(np.random.default_rng(1), sources=1, each=3)
    store.upsert(SPACE, tenant.id, tenant.points)
    assert store.count(SPACE, tenant.id, PointSelector()) == 3
    assert not half.exists()
    store.close()


def test_importing_the_stores_does_not_import_the_vendors_client() -> None:
    """It costs 1.5 s and 90 MB, which the embedded shape must not pay."""
    code = (
        "import sys, minirag.vectorstores.edge, minirag.vectorstores.qdrant as q;"
        "q.QdrantStore('http://127.0.0.1:1');"
        "print([m for m in sys.modules if m.startswith(('qdrant_client', 'litellm'))])"
    )
    with python(code) as child:
        assert line(child) == "[]"
