"""Family DSK: no room for an upload, a spooled body, the database, the index, or a parser's input.

A file-size limit set on the running server from outside makes its writes fail as a full disk does.
Who asks gets ``unavailable``, nothing is left half done, and a job waits until there is room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.api_client import Api
from tests.doubles.openai_paced import PacedDouble
from tests.doubles.openai_server import Meter
from tests.faults.house import House, Template, open_house
from tests.limits import files_of_at_most
from tests.processes import wait_for

BOOTSTRAP_TOKEN = "bootstrap-token-of-the-tests-0123456789"
MODEL = "openai/text-embedding-3-small"
OLD = "# Kettle\n\nThe kettle is red.\n"
# More than the database and a few documents take, less than a file of LARGE or the index's own.
ROOM, LARGE = 8_000_000, 12_000_000
NOTHING = 4096
# Kept in memory up to here by the server, then in a file.
SPOOLED = 100_000
_INSIDE = ("Errno", "sqlite", "database", "Traceback", "/")


@pytest.fixture(scope="module")
def double() -> Iterator[PacedDouble]:
    with PacedDouble() as running:
        yield running


@pytest.fixture(scope="module")
def shared(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for the tests of this file, each of which has a tenant of its own."""
    settings = {
        "MINIRAG_BOOTSTRAP_TOKEN": BOOTSTRAP_TOKEN,
        "MINIRAG_JOB_LEASE_SECONDS": "2",
        "MINIRAG_JOB_HEARTBEAT_SECONDS": "0.2",
    }
    with open_house(template, tmp_path_factory.mktemp("full") / "house", **settings) as made:
        made.serve()
        yield made
        assert made.server is not None and made.server.end() == 0


class Guest(Api):
    """A new tenant, whose embeddings the double makes."""

    def __init__(self, house: House, double: PacedDouble, name: str) -> None:
        body = {"name": name, "email": f"owner@{name.lower()}.test"}
        made = Api(house.port, BOOTSTRAP_TOKEN).call("POST", "tenants", json=body)
        super().__init__(house.port, made["api_token"])
        self.house = house
        self.key = f"sk-{name}-0123456789"
        self.double = double
        credentials = {"api_key": self.key, "api_base": double.base_url}
        wanted = {"embedding_model": MODEL, "embedding_credentials": credentials}
        self.call("PATCH", "tenants/me", json=wanted)

    @property
    def meter(self) -> Meter:
        return self.double.meters[self.key]

    def succeeds(self, job_id: str) -> None:
        job = self.finish(job_id)
        assert (job["state"], job["error"]) == ("succeeded", None)

    def found(self, source_id: str, query: str) -> str:
        hits = self.post("search", query=query, source_ids=[source_id])["hits"]
        return "\n".join(hit["text"] for hit in hits)

    def waits(self, job_id: str, words: str) -> None:
        """Until the job went back to the queue with these words."""

        def back() -> bool:
            job = self.job(job_id)
            assert job["state"] in ("queued", "running") and job["error"] is None, job
            return words in (job["waiting_for"] or "")

        wait_for(f"the job waits: {words}", back)


def room_for(house: House, size: int) -> AbstractContextManager[None]:
    """While the block lasts, no file of the server grows beyond ``size`` bytes."""
    assert house.server is not None
    return files_of_at_most(size, house.server.popen.pid)


def stored(house: House) -> list[bytes]:
    """Every uploaded file that is kept."""
    files = (house.data / "uploads").rglob("*")
    return sorted(path.read_bytes() for path in files if path.is_file())


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    error = answer.json()["error"]
    assert error["code"] == "unavailable"
    assert answer.headers["X-Request-ID"] == error["request_id"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert not [word for word in _INSIDE if word in answer.text], answer.text


def part(name: str, size: int) -> dict[str, Any]:
    return {"file": (name, b"x" * size)}


def test_an_upload_for_which_there_is_no_room(shared: House, double: PacedDouble) -> None:
    guest = Guest(shared, double, "Uploads")
    source = guest.make_source("Kettles", {"kettle.md": OLD})
    guest.succeeds(guest.ingest(source))
    (document,) = guest.all(f"sources/{source}/documents")
    before = stored(shared)
    with room_for(shared, ROOM):
        for name in ("kettle.md", "other.md"):  # in the place of one, and a new one
            answer = guest.http.post(f"/v1/sources/{source}/upload", files=part(name, LARGE))
            assert_unavailable(answer)
            assert stored(shared) == before, "no half of a file is left"
        (still,) = guest.all(f"sources/{source}/documents")
        assert (still["id"], still["status"]) == (document["id"], "ready")
        assert guest.http.get(f"/v1/documents/{document['id']}/file").text == OLD
        assert "The kettle is red." in guest.found(source, "red kettle")
        guest.upload(source, {"small.md": "# Small\n\nIt fits."})
    guest.upload(source, {"kettle.md": OLD.replace("red", "blue")})
    guest.succeeds(guest.ingest(source))
    assert "The kettle is blue." in guest.found(source, "blue kettle")
    assert len(stored(shared)) == len(before) + 1


def test_a_database_that_has_no_room(shared: House, double: PacedDouble) -> None:
    """Writes are refused, and what only reads answers on. A search is entered into the ledger."""
    guest = Guest(shared, double, "Rows")
    source = guest.make_source("Kettles", {"kettle.md": OLD})
    guest.succeeds(guest.ingest(source))
    (document,) = guest.all(f"sources/{source}/documents")
    before, calls = stored(shared), guest.meter.calls
    with room_for(shared, NOTHING):
        body = {"name": "N", "type": "text", "content": "It has no room."}
        assert_unavailable(guest.http.post("/v1/sources", json=body))
        assert_unavailable(guest.http.post("/v1/sources", json=body | {"content": "x" * SPOOLED}))
        for size in (100, SPOOLED):
            answer = guest.http.post(f"/v1/sources/{source}/upload", files=part("k.md", size))
            assert_unavailable(answer)
        assert_unavailable(guest.http.post(f"/v1/sources/{source}/ingest"))
        assert_unavailable(guest.http.delete(f"/v1/sources/{source}"))
        query = {"query": "kettle", "source_ids": [source]}
        assert_unavailable(guest.http.post("/v1/search", json=query))
        assert guest.meter.calls == calls, "a call that cannot be recorded is not made"
        assert [one["name"] for one in guest.all("sources")] == ["Kettles"]
        assert guest.get(f"documents/{document['id']}")["text"].endswith("The kettle is red.")
        assert guest.http.get(f"/v1/documents/{document['id']}/file").text == OLD
        assert guest.get(f"documents/{document['id']}/chunks")["results"]
    assert stored(shared) == before
    assert [one["name"] for one in guest.all("sources")] == ["Kettles"]
    assert len(guest.all(f"sources/{source}/documents")) == 1
    assert "The kettle is red." in guest.found(source, "kettle")


def test_a_job_whose_database_has_no_room(shared: House, double: PacedDouble) -> None:
    """Not even its failure can be written: its lease runs out, and it is taken up again."""
    guest = Guest(shared, double, "Leases")
    source = guest.make_source("Kettles", {"kettle.md": OLD})
    double.hold(after=1)  # the model's dimensions; then the text is held
    try:
        job = guest.ingest(source)
        assert double.holding.wait(30)
        with room_for(shared, NOTHING):
            double.let_go()
            wait_for("the answer is out", lambda: guest.meter.calls == 2)
            wait_for("its lease is over", lambda: lease_is_over(shared, job))
            assert guest.job(job)["error"] is None
    finally:
        double.let_go()
    guest.succeeds(job)
    assert guest.meter.calls == 3, "what was lost was embedded again"
    assert "The kettle is red." in guest.found(source, "kettle")
    events = guest.all("usage/events")
    assert len([one for one in events if one["status"] != "released"]) == guest.meter.calls


def lease_is_over(house: House, job_id: str) -> bool:
    query = "SELECT lease_until < datetime('now') FROM ingestion_ingestjob WHERE id = ?"
    return bool(house.rows(query, job_id.replace("-", ""))[0][0])


@pytest.mark.long
def test_a_job_whose_index_has_no_room(shared: House, double: PacedDouble) -> None:
    guest = Guest(shared, double, "Points")
    other = {"embedding_model": "openai/text-embedding-3-large"}  # of which there is no index yet
    guest.call("PATCH", "tenants/me", json=other)
    source = guest.make_source("Kettles", {"kettle.md": OLD})
    with room_for(shared, ROOM):
        job = guest.ingest(source)
        guest.waits(job, "The vector store does not answer.")
        assert guest.get(f"sources/{source}")["status"] == "queued"
    guest.succeeds(job)
    assert "The kettle is red." in guest.found(source, "kettle")


@pytest.mark.long
def test_a_job_whose_parser_has_no_room(shared: House, double: PacedDouble) -> None:
    guest = Guest(shared, double, "Parsers")
    guest.succeeds(guest.ingest(guest.make_source("Lamps", {"lamp.md": "The lamp is lit."})))
    lines = "\n" * LARGE  # of which one is left
    source = guest.make_source("Kettles", {"kettle.txt": f"A kettle.{lines}The kettle is red."})
    with room_for(shared, ROOM):
        job = guest.ingest(source)
        guest.waits(job, "Documents cannot be read at the moment.")
    guest.succeeds(job)
    assert "The kettle is red." in guest.found(source, "kettle")
