"""An uploaded file, by the name under which the storage keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.files.storage import default_storage

from minirag.errors import UnreadableSource
from minirag.types import RawDocument


class FileLoader:
    """One stored upload. ``key`` is its name to people, ``storage_name`` to Django's storage."""

    def __init__(
        self, key: str, storage_name: str, mime_type: str, *, title: str = "", password: str = ""
    ) -> None:
        self._key = key
        self._storage_name = storage_name
        self._mime_type = mime_type
        self._title = title
        self._password = password

    def load(self) -> Iterator[RawDocument]:
        """Raises ``UnreadableSource`` where the file is gone or larger than an upload may be."""
        most = settings.MINIRAG_MAX_UPLOAD_BYTES
        try:
            with default_storage.open(self._storage_name, "rb") as file:
                content: bytes = file.read(most + 1)
        except FileNotFoundError as error:
            raise UnreadableSource("The stored file is missing: upload it again.") from error
        if len(content) > most:
            raise UnreadableSource(f"The file is larger than {most:,} bytes.")
        yield RawDocument(self._key, content, self._mime_type, self._title, password=self._password)
