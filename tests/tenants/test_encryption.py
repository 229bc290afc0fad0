"""CRY: credentials open for their own row and key only, and keys can be changed."""

from __future__ import annotations

import base64
import os
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from minirag.errors import ProviderMisconfigured
from minirag.fields import Sealed, is_newest, seal, unseal
from minirag.types import Credentials
from tenants.models import Tenant
from tenants.scope import platform_scope

CANARY = "sk-canary-0123456789"


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def stored(tenant: Tenant) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT embedding_credentials FROM tenants_tenant ORDER BY name")
        return str(cursor.fetchone()[0])


@pytest.fixture
def sealed_tenant(tenant: Tenant) -> Tenant:
    tenant.embedding_credentials = Credentials({"api_key": CANARY})
    with platform_scope("tests"):
        tenant.save()
    return tenant


def test_at_rest_there_is_ciphertext_only(sealed_tenant: Tenant) -> None:
    assert stored(sealed_tenant).startswith("v1:") and "canary" not in stored(sealed_tenant)
    with platform_scope("tests"):
        fresh = Tenant.objects.get(pk=sealed_tenant.pk)
    assert fresh.embedding_credentials.values == {"api_key": CANARY}
    assert "canary" not in repr(fresh.embedding_credentials) + repr(fresh.__dict__)


def test_a_copied_ciphertext_does_not_open(sealed_tenant: Tenant, other_tenant: Tenant) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=other_tenant.pk).update(
            embedding_credentials=Sealed(stored(sealed_tenant))
        )
        thief = Tenant.objects.get(pk=other_tenant.pk)
    with pytest.raises(ProviderMisconfigured) as caught:
        _ = thief.embedding_credentials
    assert "canary" not in str(caught.value)
    context = f"tenant:{sealed_tenant.pk}/tenants_tenant/other_column"
    with pytest.raises(ProviderMisconfigured):
        unseal(stored(sealed_tenant), context)


def test_a_changed_byte_does_not_open(sealed_tenant: Tenant) -> None:
    text = stored(sealed_tenant)
    context = f"tenant:{sealed_tenant.pk}/tenants_tenant/embedding_credentials"
    assert unseal(text, context).values == {"api_key": CANARY}
    for place in (3, 20, len(text) // 2, len(text) - 5):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(ProviderMisconfigured):
            unseal(text[:place] + other + text[place + 1 :], context)


def test_rotation(sealed_tenant: Tenant, settings: Any) -> None:
    old, new = settings.MINIRAG_ENCRYPTION_KEYS[0], new_key()
    context = f"tenant:{sealed_tenant.pk}/tenants_tenant/embedding_credentials"
    settings.MINIRAG_ENCRYPTION_KEYS = [new, old]
    assert unseal(stored(sealed_tenant), context).values == {"api_key": CANARY}
    out = StringIO()
    call_command("rotate_keys", "--dry-run", stdout=out)
    assert "1 value(s) to rotate" in out.getvalue()
    assert not is_newest(stored(sealed_tenant), context)
    call_command("rotate_keys", stdout=out)
    assert is_newest(stored(sealed_tenant), context)
    done = stored(sealed_tenant)
    call_command("rotate_keys", stdout=out)
    assert "0 value(s) rotated" in out.getvalue() and stored(sealed_tenant) == done
    settings.MINIRAG_ENCRYPTION_KEYS = [new]
    assert unseal(done, context).values == {"api_key": CANARY}


def test_rotation_names_what_no_key_opens_and_does_the_rest(
    sealed_tenant: Tenant, other_tenant: Tenant, settings: Any
) -> None:
    settings.MINIRAG_ENCRYPTION_KEYS = [new_key()]
    other_tenant.embedding_credentials = Credentials({"api_key": "x"})
    with platform_scope("tests"):
        other_tenant.save()
    settings.MINIRAG_ENCRYPTION_KEYS = [new_key(), *settings.MINIRAG_ENCRYPTION_KEYS]
    out = StringIO()
    with pytest.raises(CommandError, match=str(sealed_tenant.pk)):
        call_command("rotate_keys", stdout=out)
    assert "1 value(s) rotated" in out.getvalue()


def test_equal_values_look_different() -> None:
    assert seal({"a": "b"}, "x") != seal({"a": "b"}, "x")
