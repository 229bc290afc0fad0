"""Which loader serves which type of source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingestion.loaders.crawl import CrawlLoader
from ingestion.loaders.file import FileLoader
from ingestion.loaders.sitemap import SitemapLoader, WebOptions
from ingestion.loaders.text import TextLoader
from ingestion.loaders.url import UrlLoader
from minirag.protocols import Loader


@dataclass(frozen=True, slots=True)
class Origin:
    """Where documents come from: what a source or a document row says, in plain values."""

    content: str = ""
    url: str = ""
    key: str = ""
    storage_name: str = ""
    mime_type: str = ""
    title: str = ""
    password: str = field(default="", repr=False)
    web: WebOptions = field(default_factory=WebOptions)


LOADERS: Mapping[str, Callable[[Origin], Loader]] = {
    "text": lambda origin: TextLoader(origin.content, title=origin.title),
    "file": lambda origin: FileLoader(
        origin.key,
        origin.storage_name,
        origin.mime_type,
        title=origin.title,
        password=origin.password,
    ),
    "url": lambda origin: UrlLoader(origin.url, title=origin.title, password=origin.password),
    "sitemap": lambda origin: SitemapLoader(origin.url, origin.web, password=origin.password),
    "crawl": lambda origin: CrawlLoader(origin.url, origin.web, password=origin.password),
}


def loader_for(source_type: str, origin: Origin) -> Loader:
    """The loader of a source type. Raises ``KeyError`` for an unknown one."""
    return LOADERS[source_type](origin)
