"""Write a backup while the system goes on: one snapshot of the rows, then the files they name."""

from __future__ import annotations

import errno
import io
import logging
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core import serializers
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from minirag.backup.contents import MANIFEST, ROWS, UPLOADS, kept_models, this_manifest
from sources.models import Document
from sources.selectors import stored_files
from tenants.scope import platform_scope

logger = logging.getLogger(__name__)
_BATCH = 500


def write_backup(path: Path, *, replace: bool = False) -> tuple[int, int]:
    """Write rows and uploads to ``path`` (tar, gzip, mode 600). Returns (rows, files).

    The file gets its name when it is whole; a failure leaves nothing behind. Raises
    ``FileExistsError`` where ``path`` is there, before anything is written, unless ``replace``.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            counts = _fill(archive)
            archive.close()
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return counts


def _fill(archive: tarfile.TarFile) -> tuple[int, int]:
    with platform_scope("backup"), tempfile.TemporaryFile() as rows, _snapshot():
        _add(archive, MANIFEST, io.BytesIO(this_manifest(timezone.now().isoformat()).dump()))
        written = _write_rows(rows)
        rows.seek(0)
        _add(archive, ROWS, rows)
        names = stored_files(Document.objects.only("upload", "pending_upload").iterator(_BATCH))
    return written, sum(_add_upload(archive, name) for name in dict.fromkeys(names))


@contextmanager
def _snapshot() -> Iterator[None]:
    """One consistent view that lets writers go on."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # a read snapshot; our settings' IMMEDIATE would lock
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _write_rows(out: IO[bytes]) -> int:
    written = 0
    for model in kept_models():
        rows = model._base_manager.order_by("pk").iterator(_BATCH)
        for row in rows:
            line = serializers.serialize("jsonl", [row]).strip()
            out.write(line.encode() + b"\n")
            written += 1
    return written


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, os.SEEK_END)
    entry.mode = 0o600
    content.seek(0)
    archive.addfile(entry, content)


def _add_upload(archive: tarfile.TarFile, name: str) -> int:
    """1 when the file was taken; a file deleted since the snapshot is named in the log."""
    try:
        with default_storage.open(name) as stored:
            _add(archive, UPLOADS + name, stored)
    except FileNotFoundError:
        logger.warning("backup: upload %s is gone since the snapshot", name)
        return 0
    return 1
