"""Independent signing keys from the one ``SECRET_KEY`` (HKDF-SHA256, RFC 5869)."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@lru_cache(maxsize=32)
def _derive(secret: str, purpose: str) -> bytes:
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"minirag/{purpose}".encode())
    return kdf.derive(secret.encode())


def derived_key(purpose: str) -> bytes:
    """32 bytes for ``purpose``; keys of two purposes tell nothing about each other."""
    return _derive(settings.SECRET_KEY, purpose)
