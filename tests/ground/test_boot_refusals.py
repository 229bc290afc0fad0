"""CFG: settings that cannot work, or would leave a door open, are refused at start by a check."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks

SERVICES = {"REDIS_URL": "redis://r", "QDRANT_URL": "http://127.0.0.1:6333"}
POSTGRES = "django.db.backends.postgresql"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, set()),
        ({"MINIRAG_ENCRYPTION_KEYS": []}, {"minirag.E001"}),
        ({"MINIRAG_ENCRYPTION_KEYS": ["c2hvcnQ="]}, {"minirag.E001"}),
        ({"MINIRAG_EGRESS_ALLOW": "everything"}, {"minirag.E002"}),
        ({"MINIRAG_EGRESS_ALLOW": ["nonsense:10.0.0.0/8"]}, {"minirag.E002"}),
        ({**SERVICES, "ENGINE": POSTGRES}, set()),
        ({**SERVICES, "ENGINE": POSTGRES, "QDRANT_URL": ""}, {"minirag.E003"}),
        ({**SERVICES, "ENGINE": "django.db.backends.sqlite3"}, {"minirag.E004"}),
        ({"QDRANT_URL": "http://qdrant:6333", "QDRANT_API_KEY": ""}, {"minirag.E005"}),
        ({"QDRANT_URL": "http://10.0.0.5:6333", "QDRANT_API_KEY": ""}, {"minirag.E005"}),
        ({"QDRANT_URL": "http://127.0.0.1:6333", "QDRANT_API_KEY": ""}, set()),
        ({"QDRANT_URL": "http://qdrant:6333", "QDRANT_API_KEY": "k"}, set()),
        ({"MINIRAG_PUBLIC_URL": "rag.example.com"}, {"minirag.E006"}),
        ({"MINIRAG_PUBLIC_URL": "https://rag.example.com/path"}, {"minirag.E006"}),
        ({"MINIRAG_TRUSTED_PROXIES": ["somebody"]}, {"minirag.E007"}),
        ({"MINIRAG_TRUSTED_PROXIES": ["10.0.0.0/8"]}, set()),
        ({"MINIRAG_MAX_URL_LENGTH": 2049}, {"minirag.E008"}),
        ({"MINIRAG_CHUNK_SIZE": 8}, {"minirag.E009"}),
        ({"MINIRAG_CHUNK_OVERLAP": 300}, {"minirag.E009"}),
        ({"MINIRAG_CHUNK_SIZE": 512, "MINIRAG_CHUNK_OVERLAP": 64}, set()),
    ],
)
def test_checks(
    settings: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], wanted: set[str]
) -> None:
    for name, value in change.items():
        if name == "ENGINE":
            monkeypatch.setitem(settings.DATABASES["default"], name, value)
        else:
            setattr(settings, name, value)
    found = {str(one.id) for one in run_checks() if one.is_serious()}
    assert {one for one in found if one.startswith("minirag.E0")} == wanted
