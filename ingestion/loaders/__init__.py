"""Sources to raw documents. Loaders take plain values and know no rows."""

from ingestion.loaders.file import FileLoader
from ingestion.loaders.registry import LOADERS, Origin, loader_for
from ingestion.loaders.text import TextLoader
from ingestion.loaders.url import UrlLoader

__all__ = ["LOADERS", "FileLoader", "Origin", "TextLoader", "UrlLoader", "loader_for"]
