"""The shape of API tokens: ``mrag_`` + 43 base62 + ``_`` + 6 checksum characters.

The checksum lets a typo, and a secret scanner's find, be told from a token without the database.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

PREFIX = "mrag_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(r"mrag_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", re.ASCII)
# What lists show of a token beside its last four characters.
SHOWN_PREFIX = 9


def _checksum(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return text


def generate() -> str:
    """A new token: 43 base62 characters hold 256 bits of the system's randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(43))
    return f"{PREFIX}{body}_{_checksum(body)}"


def well_formed(raw: str) -> bool:
    """Whether ``raw`` can be a token at all."""
    match = _SHAPE.fullmatch(raw)
    return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])


def digest(raw: str) -> str:
    """SHA-256 as it is stored. The token has full entropy, so no slow hash is needed."""
    return hashlib.sha256(raw.encode()).hexdigest()
