"""A furnished tenant: a live and a deleted row of every kind that an operation can name."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from bots.models import BotProfile, BotSource
from chat.models import Chat, Citation, Message, MessageRole, MessageStatus
from ingestion.models import (
    BuildState,
    CredentialPause,
    IndexBuild,
    IndexCheck,
    IngestJob,
    JobKind,
    JobState,
)
from minirag.types import Credentials
from sources.models import Chunk, Document, DocumentStatus, Source, SourceStatus
from tenants.models import ApiToken, AuditEvent, Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tests.cast import person, token_of
from usage.models import MonthlySpend, UsageEvent

ORIGIN = "https://shop.example"
TEXT = "Fuel receipts are handed in within seven days after the journey."


@dataclass
class Side:
    """One tenant with a live and a deleted row of every kind, by the name of its path id."""

    tenant: Tenant
    owner: User
    canary: str
    live: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)

    def scope(self) -> Any:
        return tenant_scope(self.tenant.pk)


def build_side(slug: str) -> Side:
    """A tenant with everything in it."""
    with platform_scope("tests"):
        tenant = Tenant.objects.create(
            name=slug.title(), slug=slug, embedding_model="fake/embedder", index_dimensions=64
        )
    return furnish(tenant)


def furnish(tenant: Tenant) -> Side:
    """A live and a deleted row of every kind in ``tenant``."""
    slug = tenant.slug
    canary = f"CANARY-{slug}-" + hashlib.sha256(slug.encode()).hexdigest()[:12]
    side = Side(tenant, person(tenant, Role.OWNER), canary)
    with side.scope():
        side.live = {name: make(side) for name, make in MAKERS.items()}
        side.deleted = {name: make(side) for name, make in MAKERS.items()}
        _delete(side.deleted)
        make_message(side)  # so that the lists of both sites hold more than one of these
        AuditEvent.objects.create(
            tenant_id=tenant.pk, actor_kind="user", actor=canary, action="source.create",
            detail={"name": canary},
        )  # fmt: skip
        UsageEvent.objects.create(
            kind="generation", model="fake/chat", estimated=False, status="settled",
            bot_profile_id=side.live["bot_profile_id"],
        )  # fmt: skip
        IndexBuild.objects.create(
            model="fake/embedder", state=BuildState.KEPT, was_live=True, dimensions=64, version=2,
            credentials=Credentials({"api_key": f"sk-{canary}"}), kept_until=timezone.now(),
            error={"code": "internal", "message": canary},
        )  # fmt: skip
        IndexCheck.objects.create(
            kind=JobKind.CHECK, state=JobState.SUCCEEDED, finished_at=timezone.now(),
            waiting_for=side.canary,
            result={"clean": True, "rows": 2, "collection": canary, "other_indexes": []},
        )  # fmt: skip
        MonthlySpend.objects.create(month=timezone.now().date().replace(day=1), spent_nano=5)
        CredentialPause.objects.create(digest="d", until=timezone.now(), asked_seconds=1.0)
    return side


def make_source(side: Side, **values: Any) -> str:
    values = {"name": f"Source {side.canary}", "type": "text", "content": side.canary, **values}
    row = Source.objects.create(
        url=f"https://{side.tenant.slug}.example/{side.canary}",
        metadata={"note": side.canary},
        secrets=Credentials({"password": side.canary}),
        status=SourceStatus.READY,
        error={"code": "unreadable_source", "message": side.canary},
        **values,
    )
    return str(row.pk)


def make_document(side: Side, source_id: str = "") -> str:
    source_id = source_id or make_source(side, type="file", content="")
    text = f"{TEXT} {side.canary}"
    stored = default_storage.save(
        f"{side.tenant.pk}/{uuid.uuid4()}", ContentFile(text.encode(), name="x")
    )
    row = Document.objects.create(
        source_id=source_id, key=f"{side.canary}-{uuid.uuid4()}.md", title=side.canary, text=text,
        text_length=len(text), generation=1, status=DocumentStatus.READY, upload=stored,
        mime_type="text/markdown", metadata={"note": side.canary}, size_bytes=len(text),
        url=f"https://x.example/{side.canary}", content_hash="0" * 64, etag=side.canary,
        last_modified=side.canary, links=[f"https://x.example/{side.canary}"],
    )  # fmt: skip
    return str(row.pk)


def make_chunk(side: Side) -> str:
    document = Document.objects.get(pk=make_document(side))
    row = Chunk.objects.create(
        document=document, source_id=document.source_id, ordinal=0, text=document.text,
        text_hash=hashlib.sha256(document.text.encode()).hexdigest(), start=0,
        end=len(document.text), heading_path=[side.canary], token_count=12,
        qdrant_point_id=uuid.uuid4(),
    )  # fmt: skip
    return str(row.pk)


def make_bot(side: Side) -> str:
    row = BotProfile.objects.create(
        name=f"Bot {side.canary}", slug=f"bot-{uuid.uuid4()}", model="fake/chat",
        credentials=Credentials({"api_key": f"sk-{side.canary}"}), system_prompt=side.canary,
        refusal_message=side.canary, welcome_message=side.canary, widget_enabled=True,
        suggested_questions=[side.canary], widget_allowed_origins=[ORIGIN], score_threshold=0,
    )  # fmt: skip
    BotSource.objects.create(bot=row, source_id=make_source(side))
    return str(row.pk)


def make_job(side: Side, state: str = JobState.QUEUED) -> str:
    row = IngestJob.objects.create(
        source_id=make_source(side), state=state, waiting_for=side.canary,
        error={"code": "internal", "message": side.canary},
    )  # fmt: skip
    return str(row.pk)


def make_chat(side: Side, **values: Any) -> str:
    bot_id = side.live.get("bot_profile_id") or make_bot(side)
    row = Chat.objects.create(bot_id=bot_id, title=side.canary, external_user=side.canary, **values)
    return str(row.pk)


def make_message(side: Side, **values: Any) -> str:
    """An answer with one citation, in a chat of its own."""
    chat_id = make_chat(side, **values.pop("chat", {}))
    row = Message.objects.create(
        chat_id=chat_id, ordinal=2, role=MessageRole.ASSISTANT, content=f"{side.canary} [1]",
        feedback_rating="up", feedback_comment=side.canary,
        **{"status": MessageStatus.COMPLETED, **values},
    )  # fmt: skip
    Citation.objects.create(
        message=row, ordinal=0, marker=1, chunk_id=uuid.uuid4(), document_id=uuid.uuid4(),
        source_id=uuid.uuid4(), title=side.canary, url=f"https://x.example/{side.canary}", start=0,
        end=5, quote=side.canary, heading_path=[side.canary],
    )  # fmt: skip
    return str(row.pk)


def make_token(side: Side) -> str:
    raw = token_of(side.tenant, ("read",))
    with platform_scope("tests"):
        row = ApiToken.objects.get(digest=hashlib.sha256(raw.encode()).hexdigest())
        row.name = f"Token {side.canary}"
        row.save(update_fields=["name"])
    return str(row.pk)


def make_member(side: Side, role: str = Role.EDITOR) -> str:
    email = f"{side.canary}-{uuid.uuid4().hex[:8]}@x.test".lower()
    user = person(side.tenant, role, email, name=side.canary)
    with platform_scope("tests"):
        return str(Membership.objects.get(user=user).pk)


MAKERS: dict[str, Callable[[Side], str]] = {
    "bot_profile_id": make_bot,
    "source_id": make_source,
    "document_id": make_document,
    "chunk_id": make_chunk,
    "job_id": make_job,
    "chat_id": make_chat,
    "message_id": make_message,
    "token_id": make_token,
    "user_id": make_member,
}


def _delete(rows: dict[str, str]) -> None:
    """As services delete: tombstones where there are such, else the row goes."""
    now = timezone.now()
    Source.objects.filter(pk=rows["source_id"]).update(deleted_at=now)
    Document.objects.filter(pk=rows["document_id"]).update(deleted_at=now)
    of_chunk = Chunk.objects.get(pk=rows["chunk_id"]).document_id
    Document.objects.filter(pk=of_chunk).update(deleted_at=now)
    Chat.objects.filter(messages=rows["message_id"]).delete()
    Chat.objects.filter(pk=rows["chat_id"]).delete()
    BotProfile.objects.filter(pk=rows["bot_profile_id"]).delete()
    IngestJob.objects.filter(pk=rows["job_id"]).delete()
    ApiToken.objects.filter(pk=rows["token_id"]).update(revoked_at=now)
    Membership.objects.filter(pk=rows["user_id"]).delete()
