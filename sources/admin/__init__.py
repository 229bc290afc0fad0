"""Pages of both sites for sources, documents and chunks."""

from sources.admin.pages import ChunkAdmin, DocumentAdmin, SourceAdmin

__all__ = ["ChunkAdmin", "DocumentAdmin", "SourceAdmin"]
