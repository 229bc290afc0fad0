"""A text that stands in the source itself."""

from __future__ import annotations

from collections.abc import Iterator

from minirag.errors import UnreadableSource
from minirag.types import RawDocument

TEXT_KEY = "text"


class TextLoader:
    """One document with the key ``text``."""

    def __init__(self, content: str, *, title: str = "") -> None:
        self._content = content
        self._title = title

    def load(self) -> Iterator[RawDocument]:
        """Raises ``UnreadableSource`` where there is nothing but white space."""
        if not self._content.strip():
            raise UnreadableSource("There is no text in it.")
        content = self._content.encode("utf-8", "replace")
        yield RawDocument(TEXT_KEY, content, "text/plain", self._title)
