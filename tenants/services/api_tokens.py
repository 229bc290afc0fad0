"""API tokens: made once, shown once, ended for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from minirag.errors import Forbidden, Invalid
from minirag.validation import Rule, clean_all
from tenants import audit, tokens
from tenants.context import AuthContext, expand_scopes
from tenants.models import ApiToken, TokenScope


@dataclass(frozen=True, slots=True)
class NewToken:
    """``raw`` is shown now and never again."""

    row: ApiToken
    raw: str = field(repr=False)


def valid_scopes(scopes: Sequence[str]) -> list[str]:
    known = [str(scope) for scope in TokenScope if scope in scopes]
    if not known or len(known) != len(scopes):
        raise Invalid.field("scopes", "Name at least one of read, write, admin, chat, each once.")
    return known


def valid_expiry(expires_at: datetime | None) -> datetime | None:
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid.field("expires_at", "Must be in the future.")
    return expires_at


RULES: Mapping[str, Rule] = {"scopes": valid_scopes, "expires_at": valid_expiry}


@transaction.atomic
def create_api_token(
    auth: AuthContext, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> NewToken:
    """Raises ``Forbidden`` for scopes beyond the creator's own, ``Invalid`` for a past expiry."""
    granted = clean_all(RULES, {"scopes": scopes, "expires_at": expires_at})["scopes"]
    if not expand_scopes(granted) <= auth.scopes:
        raise Forbidden("A token cannot hold more than its creator does.")
    raw = tokens.generate()
    row = ApiToken.objects.create(
        tenant_id=auth.tenant_id,
        name=name,
        scopes=granted,
        digest=tokens.digest(raw),
        prefix=raw[: tokens.SHOWN_PREFIX],
        last_four=raw[-4:],
        created_by_id=auth.user_id,
        expires_at=expires_at,
    )
    audit.record(auth, "api_token.create", row, detail={"name": name, "scopes": granted})
    return NewToken(row, raw)


@transaction.atomic
def revoke_api_token(auth: AuthContext, token: ApiToken) -> None:
    """The token is refused from the next request on."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    audit.record(auth, "api_token.revoke", token, detail={"name": token.name})
