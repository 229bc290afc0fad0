"""How an upload comes in: a file that grows past the limit is refused while it arrives."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler

from minirag.errors import TooLarge


class CappedUploadHandler(FileUploadHandler):
    """Stands before Django's own handlers, counts, and keeps nothing itself."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.seen = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.seen += len(raw_data)
        if self.seen > settings.MINIRAG_MAX_UPLOAD_BYTES:
            raise TooLarge(f"A file may hold {settings.MINIRAG_MAX_UPLOAD_BYTES} bytes at most.")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
