"""What a source holds now: its items, a few at a time, and what is known of it as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ingestion.loaders import Origin, WebOptions
from ingestion.pipeline.reading import Item
from minirag.errors import MiniRAGError
from sources.models import Document, Source, SourceType
from sources.options import effective, password_of


@dataclass(slots=True)
class Listing:
    """Filled while the items are listed. Keys are those of documents."""

    # What was found upstream, whether or not it could be read; what is said to be gone there, in
    # which words; what stands under another key as well.
    present: set[str] = field(default_factory=set)
    gone: dict[str, MiniRAGError] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)
    # Whether all of it was looked at: then what is not present is gone.
    complete: bool = True
    # Rows that are on their way out, by the hash of what they hold: a new key may take one over.
    leaving: dict[str, list[Document]] = field(default_factory=dict)
    # Archives whose entries are all listed; their rows are settled when the entries are.
    archives: list[tuple[Document, str]] = field(default_factory=list)
    # What is wrong with the source beside its documents.
    faults: list[MiniRAGError] = field(default_factory=list)
    # Documents that are as they were, down to their labels, and their chunks: no items of theirs.
    settled: tuple[int, int] = (0, 0)

    def pass_by(self, keys: Collection[str], chunks: int) -> None:
        """There is nothing to be done for these, which have so many chunks together."""
        self.present.update(keys)
        documents, held = self.settled
        self.settled = documents + len(keys), held + chunks

    def take_settled(self) -> tuple[int, int]:
        """Documents and chunks that were passed by since the last look."""
        settled, self.settled = self.settled, (0, 0)
        return settled

    def left_by(self, document: Document) -> None:
        """``document`` is not named any more."""
        if document.generation and document.content_hash:
            self.leaving.setdefault(document.content_hash, []).append(document)

    def taken_over(self, content_hash: str) -> Document | None:
        """A row whose content came back under another key; each is given away once."""
        rows = self.leaving.get(content_hash)
        return rows.pop() if rows else None


def origin_of(source: Source) -> Origin:
    """What the source's row says, for the loaders."""
    options = effective(source)
    options.pop("prune", None)
    return Origin(
        content=source.content,
        url=source.url,
        title=source.name,
        password=password_of(source),
        web=WebOptions(**options),
    )


def prunes(source: Source) -> bool:
    """Whether what is gone upstream is removed."""
    return bool(effective(source).get("prune", True))


def live_documents(source: Source) -> dict[str, Document]:
    """The rows of a source by key, without their texts."""
    rows = Document.objects.filter(source=source, deleted_at__isnull=True).defer("text")
    return {row.key: row for row in rows}


def one_text(source: Source) -> Iterator[list[Item]]:
    """The one item of a text source."""
    assert source.type == SourceType.TEXT
    live = Document.objects.filter(source=source, deleted_at__isnull=True, key="text")
    yield [Item("text", origin_of(source), live.defer("text").first())]
