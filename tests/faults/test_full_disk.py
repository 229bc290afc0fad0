"""Family DSK: no room for an upload, for its spooled body, or for the database.

A file-size limit set on the running server from outside makes its writes fail as a full disk does.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.faults.house import House

OLD = "# Kettle\n\nThe kettle is red.\n"
# More than a database of this size, less than the file that does not fit.
ROOM, LARGE = 8_000_000, 12_000_000


@contextmanager
def room_for(house: House, size: int) -> Iterator[None]:
    """While the block lasts, no file of the server grows beyond ``size`` bytes."""
    assert house.server is not None
    pid = house.server.popen.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def stored(house: House) -> list[bytes]:
    return sorted(path.read_bytes() for path in (house.data / "uploads").rglob("*") if path.is_file())


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"]["code"] == "unavailable"
    assert answer.headers["Retry-After"]
    assert not [word for word in ("Errno", "sqlite", "/", "Traceback") if word in answer.text]


def test_a_disk_that_is_full(house: House) -> None:
    house.serve()
    api = house.api()
    source = api.make_source("Kettles", {"kettle.md": OLD})
    assert api.finish(api.ingest(source))["state"] == "succeeded"
    document = api.all(f"sources/{source}/documents")[0]["id"]
    before = stored(house)

    with room_for(house, ROOM):
        for name in ("kettle.md", "other.md"):  # in the place of one, and a new one
            part = {"file": (name, b"x" * LARGE)}
            assert_unavailable(api.http.post(f"/v1/sources/{source}/upload", files=part))
            assert stored(house) == before, "no half of a file is left"
        assert api.http.get(f"/v1/documents/{document}/file").text == OLD
        assert api.upload(source, {"small.md": "# Small\n\nIt fits."})

    with room_for(house, 4096):
        body = {"name": "N", "type": "file"}
        assert_unavailable(api.http.post("/v1/sources", json=body))
        part = {"file": ("kettle.md", b"y" * 100_000)}
        assert_unavailable(api.http.post(f"/v1/sources/{source}/upload", files=part))
        found = api.post("search", query="red kettle", source_ids=[source])["hits"]
        assert "The kettle is red." in found[0]["text"]

    assert [one["name"] for one in api.all("sources")] == ["Kettles"]
    api.upload(source, {"kettle.md": OLD.replace("red", "blue")})
    assert api.finish(api.ingest(source))["state"] == "succeeded"
    assert len(stored(house)) == 2
    assert house.server is not None and house.server.end() == 0
