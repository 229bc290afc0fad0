"""Read a backup into an empty, migrated database: all of it, or nothing."""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from pathlib import Path
from typing import IO

from django.core import serializers
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.base import DeserializationError
from django.db import transaction

from minirag.backup.contents import (
    MANIFEST,
    ROWS,
    UPLOADS,
    Manifest,
    applied_migrations,
    key_fingerprints,
)
from minirag.errors import Conflict, Unavailable
from minirag.fields import EncryptedCredentialsField
from tenants.models import Tenant, User
from tenants.scope import platform_scope

# Stored names are made of ids; anything else in an archive was not written by us.
_UPLOAD = re.compile(r"^[0-9a-f-]{36}/[0-9a-f-]{36}/[0-9a-f-]{36}(_\w+)?$")

_STEP = 1 << 20


def read_backup(path: Path, *, without_keys: bool = False) -> tuple[int, int]:
    """Load rows and uploads. Returns (rows, files).

    Raises ``Conflict`` for a database that is not empty, ``Unavailable`` for a file that is no
    backup, is newer than this code, or was made under other encryption keys (unless
    ``without_keys``: provider credentials are then lost and must be set anew).
    """
    _refuse_damaged(path)
    try:
        with tarfile.open(path, "r:gz") as archive, platform_scope("restore"):
            _refuse_unless_empty()
            _judge(_manifest(archive), without_keys=without_keys)
            files: list[str] = []
            try:
                with transaction.atomic():
                    return _load(archive, files), len(files)
            except BaseException:
                for name in files:
                    default_storage.delete(name)
                raise
    except (tarfile.TarError, EOFError, DeserializationError) as error:
        raise Unavailable("The file is damaged, or not a backup of MiniRAG.") from error


def _refuse_damaged(path: Path) -> None:
    """Read all of it once against its checksum: a flipped bit may look like anything later on."""
    try:
        with gzip.open(path) as content:
            while content.read(_STEP):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unavailable("The file is damaged, or not a backup of MiniRAG.") from error


def _refuse_unless_empty() -> None:
    if Tenant.objects.exists() or User.objects.exists():
        raise Conflict("The database is not empty. Restore into a fresh one.")


def _manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    content = archive.extractfile(first) if first and first.name == MANIFEST else None
    if content is None:
        raise Unavailable("This is not a backup of MiniRAG.")
    return Manifest.load(content.read())


def _judge(manifest: Manifest, *, without_keys: bool) -> None:
    if newer := set(manifest.migrations) - set(applied_migrations()):
        raise Unavailable(
            f"The backup is of version {manifest.version}, newer than this code or its migrated "
            f"database ({', '.join(sorted(newer))})."
        )
    if not without_keys and not set(manifest.keys) & set(key_fingerprints()):
        raise Unavailable(
            "The backup was made under other MINIRAG_ENCRYPTION_KEYS: the provider credentials in "
            "it could not be opened. Set the old key, or restore with --without-keys and enter "
            "the credentials anew."
        )


def _load(archive: tarfile.TarFile, files: list[str]) -> int:
    rows = 0
    for entry in archive:
        content = archive.extractfile(entry)
        if content is None or entry.name == MANIFEST:
            continue
        if entry.name == ROWS:
            rows = _load_rows(content)
        elif entry.name.startswith(UPLOADS) and _UPLOAD.match(entry.name.removeprefix(UPLOADS)):
            name = entry.name.removeprefix(UPLOADS)
            default_storage.delete(name)
            files.append(default_storage.save(name, File(content)))
        else:
            raise Unavailable("The file holds what no backup holds.")
    return rows


def _load_rows(content: IO[bytes]) -> int:
    rows = 0
    for line in content:
        for row in serializers.deserialize("jsonl", line.decode()):
            for field in row.object._meta.concrete_fields:
                if isinstance(field, EncryptedCredentialsField):
                    field.keep_verbatim(row.object)
            row.save(force_insert=True)
            rows += 1
    return rows
