"""Tenants themselves: made, changed, suspended."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from minirag.egress import check_url
from minirag.errors import Conflict, Invalid
from minirag.providers import validate_credentials, validate_model
from minirag.types import Credentials
from tenants import audit
from tenants.context import AuthContext, system_context
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tenants.services.api_tokens import NewToken, create_api_token
from tenants.services.logins import account_of, valid_email

_MAX_SLUG = 60
_SLUG_TRIES = 50


@dataclass(frozen=True, slots=True)
class NewTenant:
    """``password`` is None where the owner had an account already. Both secrets are shown once."""

    tenant: Tenant
    owner: User
    password: str | None = field(repr=False)
    api_token: str = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """What ``bootstrap_tenant --json`` prints, secrets included."""
        return {
            "tenant": {
                "id": str(self.tenant.pk),
                "name": self.tenant.name,
                "slug": self.tenant.slug,
            },
            "user": {
                "id": str(self.owner.pk),
                "email": self.owner.email,
                "password": self.password,
            },
            "api_token": self.api_token,
        }


def _free_slug(name: str) -> str:
    base = slugify(name)[:_MAX_SLUG].strip("-") or "tenant"
    with platform_scope("slugs are unique over all tenants"):
        taken = Tenant.objects.filter(slug=base).exists()
    return f"{base}-{secrets.token_hex(3)}" if taken else base


def _owner(email: str, may_exist: bool) -> tuple[User, str | None]:
    password = secrets.token_urlsafe(18)
    user, is_new = account_of(valid_email(email), password)
    if not is_new and not may_exist:
        raise Conflict("There is an account with this e-mail already.")
    return user, password if is_new else None


def _insert(name: str, tenant_id: UUID | None) -> Tenant:
    """Raises ``Conflict`` where the id is taken, or others are faster again and again."""
    for _ in range(_SLUG_TRIES):
        if tenant_id is not None and Tenant.objects.filter(pk=tenant_id).exists():
            raise Conflict("This tenant is being made already.")
        named = {"pk": tenant_id or uuid4(), "slug": _free_slug(name)}
        try:
            with transaction.atomic():
                row: Tenant = Tenant.objects.create(name=name, **named)
        except IntegrityError:  # another one was a moment faster: now it is seen
            continue
        return row
    raise Conflict("Many tenants of this name are being made at once. Try again.")


@transaction.atomic
def create_tenant(
    *,
    name: str,
    email: str,
    actor: str,
    owner_may_exist: bool = True,
    tenant_id: UUID | None = None,
) -> NewTenant:
    """A tenant with its owner (random password) and an API token with ``admin`` and ``chat``.

    Raises ``Conflict`` where a ``tenant_id`` is given and taken.
    """
    name = name.strip()
    if not name or len(name) > 200:
        raise Invalid.field("name", "Must have 1 to 200 characters.")
    owner, password = _owner(email, owner_may_exist)
    with platform_scope("a new tenant"):
        tenant = _insert(name, tenant_id)
    with tenant_scope(tenant.pk):
        Membership.objects.create(
            tenant=tenant, user=owner, role=Role.OWNER, accepted_at=timezone.now()
        )
        auth = system_context(tenant.pk, actor)
        audit.record(auth, "tenant.create", tenant, detail={"name": name, "owner": owner.email})
        token = _first_token(auth, owner.pk)
    return NewTenant(tenant, owner, password, token.raw)


def _first_token(auth: AuthContext, owner_id: UUID) -> NewToken:
    made = create_api_token(auth, name="bootstrap", scopes=["admin", "chat"])
    made.row.created_by_id = owner_id
    made.row.save(update_fields=["created_by"])
    return made


@transaction.atomic
def update_tenant(auth: AuthContext, tenant: Tenant, *, name: str) -> Tenant:
    """Rename."""
    tenant.name = name
    tenant.save(update_fields=["name", "updated_at"])
    audit.record(auth, "tenant.update", tenant, detail={"name": name})
    return tenant


def _on_embedding_field(error: Invalid) -> Invalid:
    """The providers' field names as this resource calls them."""
    fields = {f"embedding_{name}": texts for name, texts in (error.fields or {}).items()}
    return Invalid(error.message, fields=fields)


def check_embedding(model: str, credentials: Credentials) -> None:
    """Raises ``Invalid`` for a model that is not known, and for what its provider cannot take.

    ``AddressRefused`` for a base that may not be called. As with a bot, a key may come later.
    """
    try:
        validate_model(model, "embedding")
        validate_credentials(model, credentials.values, "embedding")
        if base := credentials.values.get("api_base"):
            check_url(base, "provider", field="credentials")
    except Invalid as error:
        raise _on_embedding_field(error) from error


@transaction.atomic
def set_embedding(
    auth: AuthContext,
    tenant: Tenant,
    *,
    model: str,
    credentials: Credentials,
    has_chunks: bool,
) -> Tenant:
    """Set the embedding model and its credentials at once; empty credentials clear them.

    Raises ``Invalid`` for what the provider cannot take, ``Conflict`` for another model once there
    are chunks: their vectors were made by the present one, and need a new index beside it.
    """
    check_embedding(model, credentials)
    if model != tenant.embedding_model:
        if has_chunks:
            raise Conflict("The embedding model cannot change once there are chunks.")
        tenant.embedding_model, tenant.index_dimensions = model, None
        tenant.index_version = 1
    tenant.embedding_credentials = credentials
    tenant.save(
        update_fields=[
            "embedding_model",
            "index_dimensions",
            "index_version",
            "embedding_credentials",
            "updated_at",
        ]
    )
    detail = {"embedding_model": model, "credential_keys_set": len(credentials.values)}
    audit.record(auth, "tenant.update", tenant, detail=detail)
    return tenant


@transaction.atomic
def set_limits(
    auth: AuthContext,
    tenant: Tenant,
    *,
    documents: int | None,
    size: int | None,
    monthly_cost_usd: Decimal | None,
) -> Tenant:
    """The platform's limits of a tenant; None is no limit. ``size`` is in bytes."""
    tenant.max_documents, tenant.max_bytes = documents, size
    tenant.monthly_cost_limit_nano = (
        None if monthly_cost_usd is None else int(monthly_cost_usd * 10**9)
    )
    tenant.save(
        update_fields=["max_documents", "max_bytes", "monthly_cost_limit_nano", "updated_at"]
    )
    detail = {"documents": documents, "bytes": size, "monthly_cost_usd": str(monthly_cost_usd)}
    audit.record(auth, "tenant.limits", tenant, detail=detail)
    return tenant


@transaction.atomic
def suspend_tenant(auth: AuthContext, tenant: Tenant) -> None:
    """Every credential of the tenant is refused from the next request on; sockets close."""
    Tenant.objects.filter(pk=tenant.pk, suspended_at__isnull=True).update(
        suspended_at=timezone.now()
    )
    tenant.refresh_from_db(fields=["suspended_at"])
    audit.record(auth, "tenant.suspend", tenant)


@transaction.atomic
def resume_tenant(auth: AuthContext, tenant: Tenant) -> None:
    """The tenant's credentials work again, except what was revoked.

    Raises ``Conflict`` for a deleted one.
    """
    if Tenant.objects.filter(pk=tenant.pk, deleted_at__isnull=False).exists():
        raise Conflict("The tenant is deleted.")
    Tenant.objects.filter(pk=tenant.pk).update(suspended_at=None)
    tenant.refresh_from_db(fields=["suspended_at"])
    audit.record(auth, "tenant.resume", tenant)


@transaction.atomic
def retire_tenant(auth: AuthContext, tenant: Tenant) -> None:
    """Turn a tenant into a tombstone: every credential is refused from the next request on.

    What it holds is removed by the job that the caller schedules in the same transaction.
    """
    now = timezone.now()
    Tenant.objects.filter(pk=tenant.pk, suspended_at__isnull=True).update(suspended_at=now)
    retired = Tenant.objects.filter(pk=tenant.pk, deleted_at__isnull=True).update(deleted_at=now)
    tenant.refresh_from_db(fields=["suspended_at", "deleted_at"])
    if retired:
        detail = {"name": tenant.name, "slug": tenant.slug}
        audit.record(auth, "tenant.delete", tenant, detail=detail)


def blank_tombstone(tenant_id: UUID) -> None:
    """The last step of a deletion: name, slug and credentials go; the slug is free again.

    The row stays, because usage events are kept and belong to it.
    """
    tenant = Tenant.objects.get(pk=tenant_id, deleted_at__isnull=False)
    tenant.name, tenant.slug = "(deleted)", f"deleted-{tenant.pk.hex}"
    tenant.embedding_credentials = Credentials()
    tenant.save(update_fields=["name", "slug", "embedding_credentials", "updated_at"])
