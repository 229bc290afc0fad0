"""A storage that runs full while a file is written: nothing is left of it, and who asks is told."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sources import uploads
from sources.models import Document, Source, SourceType
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.sources.rows import make_source


class SmallStorage(FileSystemStorage):
    """Has room for so many bytes in a file; the rest does not fit."""

    room = 1000

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        assert name is not None
        data = content.read()
        if len(data) <= self.room:
            content.seek(0)
            return super().save(name, content, max_length)
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: self.room])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallStorage:
    small = SmallStorage(tmp_path)
    monkeypatch.setattr(uploads, "default_storage", small)
    return small


def send(client: Client, source_id: object, *sizes: int) -> Any:
    files = [SimpleUploadedFile(f"{at}.txt", b"x" * size) for at, size in enumerate(sizes)]
    return client.post(f"/v1/sources/{source_id}/upload", {"file": files})


def kept(storage: SmallStorage) -> list[bytes]:
    return [path.read_bytes() for path in Path(storage.location).rglob("*") if path.is_file()]


@pytest.mark.parametrize("sizes", [[2000], [10, 2000]], ids=["alone", "behind one that fits"])
def test_no_half_of_an_upload_is_kept(
    tenant: Tenant, client_a: Client, storage: SmallStorage, sizes: list[int]
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, type=SourceType.FILE, content="")
    assert send(client_a, source.pk, 100).status_code == 201
    answer = send(client_a, source.pk, *sizes)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert int(answer["Retry-After"]) >= 1
    assert "/" not in answer.json()["error"]["message"]
    assert kept(storage) == [b"x" * 100]
    with tenant_scope(tenant.pk):
        (document,) = Document.objects.all()
        assert document.size_bytes == 100


def test_the_console_says_that_it_may_pass(tenant: Tenant, storage: SmallStorage) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person(tenant))
    form = {
        "name": "Kettles",
        "type": "file",
        "refresh": "off",
        "uploads": SimpleUploadedFile("kettle.txt", b"x" * 2000),
    }
    answer = client.post("/console/sources/source/add/", form, headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert "The service is not available at the moment." in answer.text
    assert int(answer["Retry-After"]) >= 1
    assert kept(storage) == []
    with tenant_scope(tenant.pk):
        assert not Source.objects.exists() and not Document.objects.exists()
