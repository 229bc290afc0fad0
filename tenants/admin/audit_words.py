"""The audit record as people read it: what was done, and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.utils.text import Truncator

from tenants.console import NOTHING
from tenants.context import ActorKind
from tenants.models import AuditEvent

DEEDS: Mapping[str, str] = {
    "api_token.create": "made an API token",
    "api_token.revoke": "revoked an API token",
    "auth.login": "signed in to the API",
    "auth.logout": "signed out of the API",
    "auth.password": "changed a password",
    "auth.refresh": "renewed a sign-in with a token that was used up",
    "bot.check": "tried a bot's model",
    "bot.create": "made a bot",
    "bot.delete": "deleted a bot",
    "bot.update": "changed a bot",
    "chat.ask": "asked a question",
    "chat.delete": "deleted a chat",
    "chunk.update": "let a passage in or out of answers",
    "document.delete": "deleted a document",
    "index.check": "had the index checked",
    "ingest_job.cancel": "cancelled a job",
    "ingest_job.retry": "had a job tried again",
    "message.feedback": "rated an answer",
    "message.stop": "stopped an answer",
    "platform.sign_in.unlock": "let somebody sign in again",
    "platform.user.update": "changed an account",
    "search": "searched",
    "source.create": "made a source",
    "source.delete": "deleted a source",
    "source.ingest": "had a source read",
    "source.preview": "looked ahead at a source",
    "source.reindex": "had a source embedded anew",
    "source.update": "changed a source",
    "source.upload": "gave files to a source",
    "tenant.create": "made a tenant",
    "tenant.delete": "deleted a tenant",
    "tenant.limits": "set a tenant's limits",
    "tenant.reindex": "had a new index built",
    "tenant.resume": "let a tenant work again",
    "tenant.rollback": "went back to the index before",
    "tenant.suspend": "suspended a tenant",
    "tenant.update": "changed the tenant's settings",
    "user.accept": "took up an invitation",
    "user.change": "changed a person's role",
    "user.invite": "invited a person",
    "user.remove": "removed a person",
}


class DeedFilter(admin.AllValuesFieldListFilter):
    """Actions to choose from, in words."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": DEEDS.get(str(choice["display"]), choice["display"])}


def who(event: AuditEvent) -> str:
    if event.actor_kind == ActorKind.TOKEN:
        return f"API token “{event.actor}”"
    return event.actor or event.actor_kind


def deed(event: AuditEvent) -> str:
    return DEEDS.get(event.action, event.action)


def sentence(event: AuditEvent) -> str:
    """The event in short, as its page is called."""
    return Truncator(f"{who(event)} {deed(event)}").chars(120)


def told_detail(event: AuditEvent) -> str:
    """The event's figures as one line of words."""
    told = [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in event.detail.items()]
    return "; ".join(told) or NOTHING


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
