"""Sources to raw documents. Loaders take plain values and know no rows."""

from ingestion.loaders.crawl import CrawlLoader
from ingestion.loaders.file import FileLoader
from ingestion.loaders.pages import Known, Page
from ingestion.loaders.registry import LOADERS, Origin, loader_for
from ingestion.loaders.sitemap import SitemapLoader, WebOptions
from ingestion.loaders.text import TextLoader
from ingestion.loaders.url import UrlLoader
from ingestion.loaders.visitor import Visitor

__all__ = [
    "LOADERS",
    "CrawlLoader",
    "FileLoader",
    "Known",
    "Origin",
    "Page",
    "SitemapLoader",
    "TextLoader",
    "UrlLoader",
    "Visitor",
    "WebOptions",
    "loader_for",
]
