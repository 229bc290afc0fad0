"""Make the demo's tenant, people, bot, token and sources, once; bring the set up to date."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction

from bots.models import BotProfile
from bots.services import create_bot
from ingestion.services import schedule_document_delete, schedule_ingest
from minirag.demo.manifest import (
    BOT_NAME,
    SOURCES,
    SUGGESTED_QUESTIONS,
    WELCOME_MESSAGE,
    DemoSource,
)
from minirag.demo.state import Account, DemoState, read_state, write_draft
from sources.models import Document, Source, SourceStatus, SourceType
from sources.services import add_upload, create_source, retire_document
from tenants.context import AuthContext, system_context
from tenants.models import Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tenants.services import create_tenant

OPERATOR, PLATFORM_ADMIN = "operator@demo.example", "admin@demo.example"


def prepare(base_url: str) -> DemoState:
    """The demo's state, made at the first start; afterwards only the address may be new."""
    state = read_state()
    if state is None or not _lives(state):
        state = _create(base_url)
    state["base_url"] = base_url
    write_draft(state)
    return state


def _lives(state: DemoState) -> bool:
    with platform_scope("demo: is the remembered tenant still there"):
        return bool(BotProfile.objects.filter(pk=state["bot_profile_id"]).exists())


@transaction.atomic
def _create(base_url: str) -> DemoState:
    made = create_tenant(name="Demo", email=OPERATOR, actor="make demo")
    with tenant_scope(made.tenant.pk):
        auth = demo_context(made.tenant.pk)
        bot = create_bot(
            auth,
            name=BOT_NAME,
            welcome_message=WELCOME_MESSAGE,
            suggested_questions=list(SUGGESTED_QUESTIONS),
            source_ids=[_source(auth, source).pk for source in SOURCES],
            widget={"enabled": True},
        )
    return DemoState(
        base_url=base_url,
        operator=_operator(made.owner, made.password),
        platform_admin=_platform_admin(),
        api_token=made.api_token,
        tenant_id=str(made.tenant.pk),
        bot_profile_id=str(bot.pk),
        bot_slug=bot.slug,
        widget_public_id=bot.widget_public_id,
    )


def _operator(user: User, password: str | None) -> Account:
    """An operator left over from an earlier demo of this folder gets a new password."""
    if password is None:
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    return Account(email=user.email, password=password)


def _platform_admin() -> Account:
    password = secrets.token_urlsafe(12)
    user = User.objects.filter(email=PLATFORM_ADMIN).first()
    if user is None:
        user = User.objects.create_superuser(PLATFORM_ADMIN, password)
    user.set_password(password)
    user.save()
    return Account(email=user.email, password=password)


def _source(auth: AuthContext, source: DemoSource) -> Source:
    found = Source.objects.filter(name=source.name, deleted_at__isnull=True).first()
    return found or create_source(auth, name=source.name, type=SourceType.FILE)


def demo_context(tenant_id: UUID) -> AuthContext:
    """The demo command acting in its own tenant."""
    return system_context(tenant_id, "make demo")


def bring_up_to_date(state: DemoState) -> list[UUID]:
    """Upload what is new or changed and queue its sources. Returns the sources to wait for."""
    with tenant_scope(UUID(state["tenant_id"])):
        auth = demo_context(Tenant.objects.get().pk)
        waiting = []
        for wanted in SOURCES:
            source = _source(auth, wanted)
            if _upload(auth, source, wanted) or source.status != SourceStatus.READY:
                schedule_ingest(auth, source)
                waiting.append(source.pk)
        return waiting


def _upload(auth: AuthContext, source: Source, wanted: DemoSource) -> bool:
    """Whether anything had to be done."""
    mark = _mark_path(source)
    digest = _digest(wanted)
    if mark.exists() and mark.read_text() == digest:
        return False
    files = wanted.files()
    for file in files:
        add_upload(auth, source, ContentFile(file.path.read_bytes(), name=file.key))
    stale = Document.objects.filter(source=source, deleted_at__isnull=True)
    for document in stale.exclude(key__in=[file.key for file in files]):
        retire_document(auth, document)
        schedule_document_delete(auth, document)
    mark.write_text(digest)
    return True


def _mark_path(source: Source) -> Path:
    """Remembers what was uploaded, so that a second start reads the files only to compare them."""
    return Path(settings.MINIRAG_DATA_DIR) / f"demo-{source.pk}.sha256"


def _digest(wanted: DemoSource) -> str:
    total = hashlib.sha256()
    for file in wanted.files():
        total.update(file.key.encode() + b"\0" + hashlib.sha256(file.path.read_bytes()).digest())
    return total.hexdigest()
