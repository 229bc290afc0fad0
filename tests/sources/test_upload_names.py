"""What becomes of the names that clients give their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from minirag.errors import Invalid
from minirag.formats import mime_type_of
from sources.services import add_upload
from sources.uploads import MAX_KEY, clean_key
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.sources.rows import acting, make_source
from tests.sources.test_upload import stored, upload

NAMES = [
    ("plain.md", "plain.md"),
    ("../../etc/passwd", "passwd"),
    ("/etc/passwd", "passwd"),
    ("C:\\Windows\\win.ini", "win.ini"),
    ("..\\..\\x.txt", "x.txt"),
    ("a\x00b.md", "ab.md"),
    ("a\nb\r.md", "a b .md"),
    ("a\x7f\x1b[31m.md", "a[31m.md"),
    ("gpj.\u202efdp.exe", "gpj.fdp.exe"),
    ("zero\u200bwidth.md", "zerowidth.md"),
    ("u\u0308ber.md", "\u00fcber.md"),
    ("\u2028line.md", "line.md"),
    ("  spaced   out .md ", "spaced out .md"),
    (".htaccess", ".htaccess"),
    ("CON", "CON"),
    ("a.md:stream", "a.md:stream"),
    ("\ud800x.md", "x.md"),
    ("日本語.pdf", "日本語.pdf"),
    ("%2e%2e%2fx", "%2e%2e%2fx"),
    ("a/b/c/d.md", "d.md"),
    ("<img src=x onerror=alert(1)>.md", "<img src=x onerror=alert(1)>.md"),
]


@pytest.mark.parametrize(("name", "key"), NAMES)
def test_a_files_name_becomes_a_key_and_nothing_else(name: str, key: str) -> None:
    assert clean_key(name) == key


@pytest.mark.parametrize("name", ["", None, ".", "..", "/", "\\", "\x00", "a/", "\u200b", " . "])
def test_a_name_of_which_nothing_is_left_is_refused(name: str | None) -> None:
    with pytest.raises(Invalid):
        clean_key(name)


@pytest.mark.parametrize("name", ["x" * 5_000, "é" * 5_000 + ".pdf", "a." + "b" * 5_000])
def test_a_long_name_is_cut_and_keeps_its_ending(name: str) -> None:
    key = clean_key(name)
    assert len(key) == MAX_KEY
    assert key.endswith(".pdf") == name.endswith(".pdf")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.html", "text/html"),
        ("A.PDF", "application/pdf"),
        ("a.unknown", "application/octet-stream"),
        ("noending", "application/octet-stream"),
    ],
)
def test_the_type_follows_the_ending(key: str, kind: str) -> None:
    assert mime_type_of(key) == kind


@pytest.mark.parametrize("name", [name for name, _ in NAMES if "\ud800" not in name])
def test_no_name_reaches_the_file_system(
    client_a: Client, tenant: Tenant, settings: Any, tmp_path: Path, name: str
) -> None:
    store = settings.MEDIA_ROOT = tmp_path / "uploads"
    with tenant_scope(tenant.pk):
        source = make_source(tenant, type="file")
        add_upload(acting(tenant), source, ContentFile(b"x", name=name))
    upload(client_a, str(source.pk), (name.replace("\x00", ""), b"x"))
    for path in stored(store.parent):
        assert store / str(tenant.pk) in path.parents
        assert len(path.name) == 36
