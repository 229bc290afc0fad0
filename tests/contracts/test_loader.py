"""One suite for every ``Loader``: raw documents with a stable key, or a refusal in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from ingestion.loaders import LOADERS, Origin, loader_for
from ingestion.parsing.sandbox import Sandbox
from minirag.errors import AddressRefused, ErrorCode, UnreadableSource
from minirag.protocols import Loader
from tests.doubles.websites import Site

WORDS = "Grüße aus dem Haus, and a second sentence."


@dataclass
class Case:
    """A loader type: an origin that works, its expected key, and origins that cannot."""

    source_type: str
    good: Origin
    key: str
    bad: list[Origin]

    def loader(self) -> Loader:
        return loader_for(self.source_type, self.good)


@pytest.fixture(params=sorted(LOADERS))
def case(
    request: pytest.FixtureRequest, site: Site, settings: Settings, tmp_path: Path
) -> Iterator[Case]:
    settings.MEDIA_ROOT = tmp_path
    if request.param == "text":
        yield Case("text", Origin(content=WORDS), "text", [Origin(content=""), Origin(content=" ")])
    elif request.param == "file":
        name = default_storage.save("tenant/source/file", ContentFile(WORDS.encode()))
        good = Origin(key="notes.txt", storage_name=name, mime_type="text/plain")
        yield Case("file", good, "notes.txt", [Origin(key="gone.txt", storage_name="tenant/gone")])
    else:
        settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0
        site.page("/a", WORDS.encode(), Content_Type="text/plain")
        site.sitemap(["/a"])
        site.sitemap([], at="/empty.xml")
        at = "/sitemap.xml" if request.param == "sitemap" else "/a"
        bad = [Origin(url=url) for url in (site.url("/none"), "http://127.0.0.1/", "ftp://x.test/")]
        if request.param == "sitemap":
            bad += [Origin(url=site.url(path)) for path in ("/a", "/empty.xml")]
        yield Case(request.param, Origin(url=site.url(at)), site.url("/a"), bad)


def test_a_document_has_key_content_and_type(case: Case) -> None:
    (raw,) = case.loader().load()
    assert raw.key == case.key
    assert raw.content.decode("utf-8-sig") == WORDS
    assert raw.mime_type == "text/plain"


def test_loading_twice_gives_the_same(case: Case) -> None:
    loader = case.loader()
    assert list(loader.load()) == list(loader.load()) == list(case.loader().load())


def test_what_a_loader_gives_can_be_parsed(case: Case) -> None:
    sandbox = Sandbox()
    try:
        (raw,) = case.loader().load()
        assert sandbox.parse(raw).text == WORDS
    finally:
        sandbox.close()


def test_what_cannot_be_loaded_ends_in_one_of_two_codes(case: Case) -> None:
    for origin in case.bad:
        with pytest.raises((UnreadableSource, AddressRefused)) as caught:
            list(loader_for(case.source_type, origin).load())
        assert caught.value.code in (ErrorCode.UNREADABLE_SOURCE, ErrorCode.ADDRESS_REFUSED)
        assert "tenant/" not in caught.value.message, "a stored name reached the client"


def test_a_title_goes_along_where_there_is_one_document(case: Case) -> None:
    (raw,) = loader_for(case.source_type, replace(case.good, title="Named")).load()
    # Pages of a site have titles of their own.
    assert raw.title == ("" if case.source_type in ("sitemap", "crawl") else "Named")


def test_a_password_goes_along_and_is_never_shown(case: Case) -> None:
    origin = replace(case.good, password="open sesame")
    (raw,) = loader_for(case.source_type, origin).load()
    assert raw.password == ("" if case.source_type == "text" else "open sesame")
    assert "sesame" not in repr(raw) + repr(origin) + repr(loader_for(case.source_type, origin))
