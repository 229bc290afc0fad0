"""Files that no row speaks of: what a process left that died between file and row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.core.files.storage import default_storage
from django.utils import timezone

from sources.models import Document, Source
from sources.uploads import discard, drop_folder


def remove_orphans(older_than: timedelta) -> int:
    """Delete stored files without a document; for the sweeper, in ``platform_scope``.

    ``older_than`` must exceed the longest upload: a file is stored before its row. Lists the whole
    store, so once a day is enough. Folders of deleted sources go too. Returns how many files were
    deleted.
    """
    before = timezone.now() - older_than
    found = 0
    for source_id, folder in _source_folders():
        rows = Document.objects.filter(source_id=source_id)
        held = {name for pair in rows.values_list("upload", "pending_upload") for name in pair}
        names = [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
        unheld = [name for name in names if name not in held]
        orphans = [name for name in unheld if default_storage.get_modified_time(name) < before]
        discard(orphans)
        found += len(orphans)
        if not Source.objects.filter(pk=source_id).exists():
            drop_folder(folder)
    return found


def _source_folders() -> Iterator[tuple[UUID, str]]:
    """Source ids with their folders: files are stored as tenant/source/file."""
    for tenant in _folders(""):
        for source in _folders(tenant):
            with suppress(ValueError):  # a folder that is not ours
                yield UUID(source), f"{tenant}/{source}"


def _folders(path: str) -> list[str]:
    try:
        return default_storage.listdir(path)[0]
    except FileNotFoundError:  # nothing was stored yet
        return []
