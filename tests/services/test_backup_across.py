"""A backup of one process on SQLite restores into the service shape: the way to grow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.faults.house import open_house, shared_template
from tests.processes import free_port, processes, wait_until_up
from tests.services.compose import command_of
from tests.services.stack import QDRANT_KEY, own_database, own_redis, service_environment

TEXT = "# Kettle\n\n## Warranty\n\nThe Aurora kettle has a warranty of three years.\n"
QUERY = "How long is the warranty?"


def test_from_one_process_to_several(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    template = shared_template(tmp_path_factory)
    file = tmp_path / "saved.tgz"
    with open_house(template, tmp_path / "house") as house:
        house.serve()
        source_id = house.api().make_source("Handbook", {"kettle.md": TEXT})
        assert house.api().finish(house.api().ingest(source_id))["state"] == "succeeded"
        before = house.api().post("search", query=QUERY, source_ids=[source_id])["hits"]
        house.manage("backup", str(file))
    qdrant, web = free_port(), free_port()
    redis_url = own_redis(os.environ["REDIS_URL"], lane=2)
    with own_database(os.environ["DATABASE_URL"]) as database:
        folder = tmp_path / "services"
        environ = service_environment(folder, database, redis_url, free_port())
        environ |= template.secrets | {"QDRANT_URL": f"http://127.0.0.1:{qdrant}"}
        with processes(folder, environ) as children:
            double = [sys.executable, "-m", "tests.doubles.qdrant_rest", "--port", str(qdrant)]
            store = children.start(
                "qdrant", [*double, "--dir", str(folder / "qdrant"), "--api-key", QDRANT_KEY]
            )
            wait_until_up(store, qdrant)
            children.run("migrate", command_of("migrate", {}))
            children.start("worker", command_of("worker", {}))
            children.start("beat", command_of("beat", {"--schedule": str(folder / "beat")}))
            printed = children.manage("restore", str(file))
            assert "1 tenants answer from a new index" in printed
            serving = children.start("web", command_of("web", {"--port": str(web)}))
            wait_until_up(serving, web)
            house.port = web
            after = house.api().post("search", query=QUERY, source_ids=[source_id])["hits"]
            assert [hit["chunk_id"] for hit in after] == [hit["chunk_id"] for hit in before]
            documents = house.api().all(f"sources/{source_id}/documents")
            stored = house.api().http.get(f"/v1/documents/{documents[0]['id']}/file")
            assert stored.text == TEXT
