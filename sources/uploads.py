"""Uploaded files: how they are named, kept and given back. They are never parsed here.

A stored name is made of ids only (tenant/source/random); what the client called its file lives on
as the document's ``key`` and never reaches a file system.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from minirag.errors import Invalid, TooLarge
from minirag.formats import HARMLESS, OCTETS
from sources.models import Document, Source

MAX_KEY = 255
# Signs that change the look of a name: control, format, surrogate, private, unassigned.
_UNSEEN = ("C", "Zl", "Zp")


def clean_key(name: str | None) -> str:
    """A file name as a document's key: last part of a path, NFC, visible characters, at most 255.

    Raises ``Invalid`` (field ``file``) where nothing is left of it.
    """
    text = unicodedata.normalize("NFC", (name or "").encode("utf-8", "ignore").decode("utf-8"))
    text = text.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(" " if char.isspace() else char for char in text)
    text = "".join(char for char in text if not unicodedata.category(char).startswith(_UNSEEN))
    text = _shortened(" ".join(text.split()))
    if not text.strip(". "):
        raise Invalid.field("file", "The file needs a name.")
    return text


def _shortened(name: str) -> str:
    """At most ``MAX_KEY`` characters, the ending kept."""
    if len(name) <= MAX_KEY:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > 20:
        return name[:MAX_KEY]
    return stem[: MAX_KEY - len(suffix) - 1] + dot + suffix


def download_type(document: Document) -> str:
    """The type a stored original is served with."""
    return document.mime_type if document.mime_type in HARMLESS else OCTETS


def check_size(file: File[Any]) -> int:
    """Size in bytes. Raises ``TooLarge``."""
    size = file.size or 0
    if size > settings.MINIRAG_MAX_UPLOAD_BYTES:
        raise TooLarge(f"A file may hold {settings.MINIRAG_MAX_UPLOAD_BYTES} bytes at most.")
    return size


def keep(source: Source, file: File[Any]) -> str:
    """Stream ``file`` into the storage under a new name, which is returned."""
    name = f"{folder_of(source.tenant_id, source.pk)}/{uuid.uuid4()}"
    try:
        return default_storage.save(name, file)
    except BaseException:
        discard([name])  # half a file is no file
        raise


def discard(names: Iterable[str]) -> None:
    """Delete stored files; a missing one is no error."""
    for name in names:
        default_storage.delete(name)


def drop_folder(path: str) -> bool:
    """Remove a folder of the storage where it is empty. Whether nothing is left there.

    Only for what nobody uploads to any more: a folder may be empty between its making and a file.
    """
    try:
        folders, files = default_storage.listdir(path)
    except FileNotFoundError:
        return True
    if folders or files:
        return False
    default_storage.delete(path)  # object stores have no folders: nothing to delete there
    return True


def folder_of(tenant_id: UUID, source_id: UUID) -> str:
    """Where the files of a source are stored."""
    return f"{tenant_id}/{source_id}"


def discard_on_commit(names: Iterable[str]) -> None:
    """Delete stored files once no committed row speaks of them."""
    if doomed := [name for name in names if name]:
        transaction.on_commit(partial(discard, doomed), robust=True)
