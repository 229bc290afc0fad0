"""What a backup holds, and how it says which secrets and which code it belongs to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from django.apps import apps
from django.conf import settings
from django.core.serializers import sort_dependencies
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder

from minirag import __version__
from minirag.errors import Unavailable
from minirag.fields import master_keys

APPS = ("tenants", "sources", "usage", "bots", "ingestion", "chat")
# Answers to repeated requests are kept for a day and belong to the running system.
LEFT_OUT = ("tenants.IdempotencyRecord", "ingestion.TenantTurn")

MANIFEST, ROWS, UPLOADS = "manifest.json", "rows.jsonl", "uploads/"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """Head of a backup. ``keys`` are fingerprints of the encryption keys, never the keys."""

    format: int
    version: str
    created_at: str
    migrations: list[str]
    keys: list[str]

    def dump(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def load(cls, raw: bytes) -> Manifest:
        """Raises ``Unavailable`` where it is not a manifest of a known format."""
        try:
            manifest = cls(**json.loads(raw))
        except (ValueError, TypeError) as error:
            raise Unavailable("This is not a backup of MiniRAG.") from error
        if manifest.format != FORMAT:
            raise Unavailable(f"The backup has format {manifest.format}, this code reads {FORMAT}.")
        return manifest


def this_manifest(created_at: str) -> Manifest:
    """The manifest of a backup made now."""
    return Manifest(FORMAT, __version__, created_at, applied_migrations(), key_fingerprints())


def key_fingerprints() -> list[str]:
    """One short digest per encryption key, newest first."""
    keys = master_keys(settings.MINIRAG_ENCRYPTION_KEYS)
    return [hashlib.sha256(b"minirag backup fingerprint" + key).hexdigest()[:16] for key in keys]


def applied_migrations() -> list[str]:
    """``app.name`` of our apps' migrations that this database has."""
    done = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in done if app in APPS)


def kept_models() -> list[type[models.Model]]:
    """Every model of the domain, referred ones first."""
    groups = [(apps.get_app_config(label), None) for label in APPS]
    found = sort_dependencies(groups, allow_cycles=True)
    # A proxy's rows are those of the model behind it.
    return [m for m in found if m._meta.label not in LEFT_OUT and not m._meta.proxy]
