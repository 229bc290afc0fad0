"""System check: sizes of chunks that cannot be cut are refused at start, not in every job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from ingestion.chunking import ChunkSize


@register()
def check_chunk_size(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    try:
        ChunkSize(settings.MINIRAG_CHUNK_SIZE, settings.MINIRAG_CHUNK_OVERLAP)
    except ValueError as error:
        words = f"MINIRAG_CHUNK_SIZE, MINIRAG_CHUNK_OVERLAP: {error}"
        return [Error(words, id="minirag.E009")]
    return []
