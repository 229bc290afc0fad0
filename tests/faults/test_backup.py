"""Backup beside a running server, restore elsewhere: the same answers; misfits are refused.

The gate has ``tests/services/test_backup_across.py``.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.openai_paced import PacedDouble
from tests.faults.house import EMPTY, PROVIDER_KEY, House, Template, open_house
from tests.processes import new_key

FILES = {
    "kettle.md": "# Kettle\n\n## Warranty\n\nThe Aurora kettle has a warranty of three years.\n",
    "lamp.md": "# Lamp\n\nThe Borealis lamp is switched on by its left button.\n",
}
QUERY = "How long is the warranty of the kettle?"


@dataclass(frozen=True, slots=True)
class Saved:
    """A backup, and what the house it was made of answered."""

    file: Path
    template: Template
    source_id: str
    bot_id: str
    hits: list[tuple[str, str]]


def hits(house: House, source_id: str) -> list[tuple[str, str]]:
    found = house.api().post("search", query=QUERY, source_ids=[source_id])["hits"]
    return [(hit["chunk_id"], hit["text"]) for hit in found]


@pytest.fixture(scope="module")
def saved(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    """Made while the server answers and takes more in."""
    folder = tmp_path_factory.mktemp("saved")
    with open_house(template, folder) as house, PacedDouble() as double:
        house.serve()
        source_id = house.api().make_source("Handbook", FILES)
        assert house.api().finish(house.api().ingest(source_id))["state"] == "succeeded"
        bot_id = house.make_bot(double, "openai/gpt-4o-mini", [source_id])
        expected = hits(house, source_id)
        file = folder / "saved.tgz"
        with busy(house):
            house.manage("backup", str(file))
            before = file.read_bytes()
            assert "--force" in house.manage("backup", str(file), code=1)
            assert file.read_bytes() == before
            house.manage("backup", str(file), "--force")
        assert hits(house, source_id) == expected
        yield Saved(file, template, source_id, bot_id, expected)


class busy:
    """Uploads and ingests go on in the background; at least one while the block runs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stop = threading.Event()
        self._done = threading.Event()
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._done.wait(30), self._errors

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._errors

    def _work(self) -> None:
        api, number = self._house.api(), 0
        try:
            while not self._stop.is_set():
                number += 1
                made = api.make_source(f"S{number}", {"a.md": f"# Text {number}\n\nWords."})
                assert api.finish(api.ingest(made))["state"] == "succeeded"
                self._done.set()
        except Exception as error:  # noqa: BLE001 - shown by the thread that waits
            self._errors.append(error)
            self._done.set()


@pytest.fixture
def fresh(saved: Saved, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """A migrated, empty house under the same keys, or others."""
    folder = tmp_path / "fresh"
    with open_house(saved.template, folder) as house:
        shutil.rmtree(house.data)
        (house.folder / EMPTY).rename(house.data)

        def with_keys(**more: str) -> House:
            house.children.environ.update(more)
            return house

        yield with_keys


@pytest.mark.long
def test_the_same_answers_after_a_restore(saved: Saved, fresh: Callable[..., House]) -> None:
    house = fresh()
    printed = house.manage("restore", str(saved.file))
    assert "restored" in printed
    house.serve()
    assert hits(house, saved.source_id) == saved.hits
    documents = house.api().all(f"sources/{saved.source_id}/documents")
    kettle = next(one for one in documents if one["key"] == "kettle.md")
    assert house.api().http.get(f"/v1/documents/{kettle['id']}/file").text == FILES["kettle.md"]
    bot = house.api().get(f"bot-profiles/{saved.bot_id}")
    assert bot["credentials_hint"] == PROVIDER_KEY[-4:]
    job = house.api().finish(house.api().ingest(saved.source_id))
    assert job["state"] == "succeeded"
    assert hits(house, saved.source_id) == saved.hits, "nothing had changed"


@pytest.mark.long
def test_the_file_is_for_its_owner_only_and_holds_no_key(saved: Saved) -> None:
    assert stat.S_IMODE(saved.file.stat().st_mode) == 0o600
    raw = gzip.decompress(saved.file.read_bytes())
    assert PROVIDER_KEY.encode() not in raw
    assert saved.template.secrets["MINIRAG_ENCRYPTION_KEYS"].encode() not in raw


@pytest.mark.long
def test_not_over_what_is_there(saved: Saved, template: Template, tmp_path: Path) -> None:
    with open_house(template, tmp_path / "full") as house:
        before = house.rows("SELECT count(*) FROM tenants_tenant")
        printed = house.manage("restore", str(saved.file), code=1)
        assert "not empty" in printed
        assert "Traceback" not in printed
        assert house.rows("SELECT count(*) FROM tenants_tenant") == before


@pytest.mark.long
def test_lost_keys_are_said_in_plain_words(saved: Saved, fresh: Callable[..., House]) -> None:
    house = fresh(MINIRAG_ENCRYPTION_KEYS=new_key())
    printed = house.manage("restore", str(saved.file), code=1)
    assert "MINIRAG_ENCRYPTION_KEYS" in printed
    assert "credentials" in printed
    assert_empty(house)
    house.manage("restore", str(saved.file), "--without-keys")
    house.serve()
    assert hits(house, saved.source_id) == saved.hits
    bot = house.api().get(f"bot-profiles/{saved.bot_id}")
    assert bot["credentials_hint"] is None
    refused = house.api().http.post(
        "/v1/chat", json={"bot_profile_id": saved.bot_id, "message": QUERY}
    )
    assert refused.status_code == 424
    assert refused.json()["error"]["code"] == "provider_misconfigured"


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def flip(raw: bytes) -> bytes:
    """One byte in the middle of the compressed rows."""
    return raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 0xFF]) + raw[len(raw) // 2 + 1 :]


def newer(raw: bytes) -> bytes:
    """As a later version would have written it."""
    return rewritten(
        raw, lambda name, content: with_migration(content) if name == "manifest.json" else content
    )


def foreign(raw: bytes) -> bytes:
    """With a path in it that leads out."""
    return rewritten(raw, lambda name, content: content, extra="uploads/../../../evil")


def without_last_rows(raw: bytes) -> bytes:
    """A well-formed archive whose rows end in the middle of one."""
    return rewritten(
        raw, lambda name, content: content[: len(content) - 40] if name == "rows.jsonl" else content
    )


def with_migration(content: bytes) -> bytes:
    manifest: dict[str, Any] = json.loads(content)
    manifest["migrations"].append("chat.9999_of_tomorrow")
    manifest["version"] = "99.0"
    return json.dumps(manifest).encode()


def rewritten(raw: bytes, change: Callable[[str, bytes], bytes], extra: str = "") -> bytes:
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(raw)) as old,
        tarfile.open(fileobj=out, mode="w:gz") as new,
    ):
        for entry in old:
            content = old.extractfile(entry)
            assert content is not None
            put(new, entry.name, change(entry.name, content.read()))
        if extra:
            put(new, extra, b"evil")
    return out.getvalue()


def put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


DAMAGES = {
    "empty": (lambda raw: b"", "not a backup"),
    "text": (lambda raw: b"hello", "not a backup"),
    "cut": (cut, "damaged"),
    "flipped": (flip, "damaged"),
    "rows cut": (without_last_rows, "damaged"),
    "newer": (newer, "newer than this code"),
    "foreign": (foreign, "what no backup holds"),
}


@pytest.mark.long
def test_a_file_that_is_none_is_refused_whole(
    saved: Saved, fresh: Callable[..., House], tmp_path: Path
) -> None:
    """Had one left a row behind, the next would say "not empty" instead of its own words."""
    house = fresh()
    files = {name: tmp_path / f"{number}.tgz" for number, name in enumerate([*DAMAGES, "missing"])}
    for name, (damage, _) in DAMAGES.items():
        files[name].write_bytes(damage(saved.file.read_bytes()))
    printed = house.manage_each(*(("restore", str(file)) for file in files.values()), code=1)
    wanted = {name: words for name, (_, words) in DAMAGES.items()} | {"missing": "No such file"}
    for said, (name, words) in zip(printed, wanted.items(), strict=True):
        assert words in said, f"{name}: {said}"
        assert "Traceback" not in said, f"{name}: {said}"
    assert_empty(house)


def assert_empty(house: House) -> None:
    assert house.rows("SELECT count(*) FROM tenants_tenant") == [(0,)]
    assert not [path for path in (house.data / "uploads").rglob("*") if path.is_file()]
