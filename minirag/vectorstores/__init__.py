"""Adapters of the ``VectorStore`` seam: ``edge`` (in-process), ``qdrant`` (server), ``memory``."""
