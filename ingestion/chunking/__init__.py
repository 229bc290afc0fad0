"""Normalised text to chunks with exact offsets: ``chunk_text``."""

from ingestion.chunking.splitter import (
    ChunkSize,
    chunk_text,
    chunks_at,
    cuts,
    embedding_hash,
    embedding_text,
)

__all__ = [
    "ChunkSize",
    "chunk_text",
    "chunks_at",
    "cuts",
    "embedding_hash",
    "embedding_text",
]
