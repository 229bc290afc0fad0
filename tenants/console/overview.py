"""The console's first page: what the tenant holds, what needs a look, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone

from bots.models import BotProfile
from bots.selectors import missing_parts, with_links
from chat.models import Chat
from ingestion.models import ACTIVE_STATES, BUILD_STATES, BuildState, IndexBuild, IngestJob
from sources.models import Document, DocumentStatus, Source, SourceStatus
from sources.quota import bytes_of, live_of_tenant
from tenants.console.looks import many
from tenants.models import Tenant
from usage.models import MonthlySpend

_LATELY = timedelta(days=7)
# Bots that are looked at for what they lack.
_MOST_BOTS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to see or to do, and where."""

    words: str
    url: str
    kind: str = ""
    done: bool = False


def overview(tenant: Tenant | None, may_write: bool) -> dict[str, Any]:
    """Context of the first page. Inside the scope of ``tenant``."""
    states = dict(
        Source.objects.filter(deleted_at__isnull=True)
        .order_by("status")
        .values_list("status")
        .annotate(held=Count("pk"))
    )
    bots = list(with_links(BotProfile.objects.order_by("created_at"))[:_MOST_BOTS])
    chats = Chat.objects.count()
    steps = _steps(states, bots, chats) if may_write else []
    return {
        "figures": _figures(states, bots, chats, may_write),
        "limits": _limits(tenant) if tenant is not None else [],
        "attention": _attention(states, bots),
        "steps": [] if all(step.done for step in steps) else steps,
        "open_chats": _open(bots)[:5],
    }


def _list(model: str, query: str = "") -> str:
    return reverse(f"console:{model}_changelist") + query


def _figures(
    states: dict[str, int], bots: list[BotProfile], chats: int, may_write: bool
) -> list[Line]:
    """What there is, each with its list; what there is nothing of says what to do."""
    live = {"deleted_at__isnull": True, "source__deleted_at__isnull": True}
    documents = Document.objects.filter(status=DocumentStatus.READY, **live).count()
    read = _list("sources_document", f"?status__exact={DocumentStatus.READY}")
    held = BotProfile.objects.count() if len(bots) == _MOST_BOTS else len(bots)
    found = [
        (sum(states.values()), "source", "sources", _list("sources_source")),
        (documents, "document read", "documents read", read),
        (held, "bot", "bots", _list("bots_botprofile")),
        (chats, "chat", "chats", _list("chat_chat")),
    ]
    nothing = [
        ("No sources yet: add one", reverse("console:sources_source_add")),
        ("No document read yet: see the jobs", _list("ingestion_ingestjob")),
        ("No bots yet: make one", reverse("console:bots_botprofile_add")),
        ("No chats yet: ask something", _ask(bots)),
    ]
    return [
        Line(many(count, one, more), url)
        if count or not may_write
        else Line(*empty, kind="nothing-yet")
        for (count, one, more, url), empty in zip(found, nothing, strict=True)
    ]


def _open(bots: list[BotProfile]) -> list[BotProfile]:
    return [bot for bot in bots if bot.is_active and bot.widget_enabled]


def _ask(bots: list[BotProfile]) -> str:
    """The chat page of a bot that has one, else the list of bots."""
    opened = _open(bots)
    return f"/chat/{opened[0].widget_public_id}/" if opened else _list("bots_botprofile")


def _limits(tenant: Tenant) -> list[str]:
    """How much is used of what the platform has limited, in words."""
    words = []
    if tenant.max_documents is not None:
        words.append(f"{live_of_tenant().count()} of {tenant.max_documents} documents")
    if tenant.max_bytes is not None:
        held = filesizeformat(bytes_of(live_of_tenant()))
        words.append(f"{held} of {filesizeformat(tenant.max_bytes)}")
    if tenant.monthly_cost_limit_nano is not None:
        first = timezone.now().astimezone(UTC).date().replace(day=1)
        row = MonthlySpend.objects.filter(month=first).first()
        spent, most = row.spent_nano if row else 0, tenant.monthly_cost_limit_nano
        words.append(f"{_dollars(spent)} of {_dollars(most)} dollars this month")
    return words


def _dollars(nano: int) -> str:
    return f"{Decimal(nano).scaleb(-9):.2f}"


def _attention(states: dict[str, int], bots: list[BotProfile]) -> list[Line]:
    found = []
    for state, words in (
        (SourceStatus.FAILED, "could not be read"),
        (SourceStatus.PARTIAL, "could be read in part only"),
    ):
        if count := states.get(state):
            url = _list("sources_source", f"?status__exact={state}")
            found.append(Line(f"{many(count, 'source', 'sources')} {words}", url, state))
    for bot in bots:
        if bot.is_active and (missing := missing_parts(bot)):
            url = reverse("console:bots_botprofile_change", args=[bot.pk])
            found.append(Line(f"{bot.name} cannot answer yet. {missing[0]}", url, "failed"))
    if building := IndexBuild.objects.filter(state__in=BUILD_STATES).first():
        far = f", {building.done} of {building.total}" if building.total else ""
        words = f"A new index for {building.model} is being built{far}; the old one answers"
        found.append(Line(words, _list("ingestion_indexbuild"), "running"))
    elif (last := _last_build()) and last.state == BuildState.FAILED:
        why = (last.error or {}).get("message", "")
        words = f"No index for {last.model} could be built; the old one answers. {why}"
        found.append(Line(words, _list("ingestion_indexbuild"), "failed"))
    if active := IngestJob.objects.filter(state__in=ACTIVE_STATES).count():
        words = f"{many(active, 'job is', 'jobs are')} waiting or running"
        chosen = f"?state__in={','.join(ACTIVE_STATES)}"
        found.append(Line(words, _list("ingestion_ingestjob", chosen), "running"))
    return found


def _last_build() -> IndexBuild | None:
    """What the tenant asked for last, and lately."""
    lately = IndexBuild.objects.filter(updated_at__gt=timezone.now() - _LATELY)
    found: IndexBuild | None = lately.order_by("-updated_at").first()
    return found


def _steps(states: dict[str, int], bots: list[BotProfile], chats: int) -> list[Line]:
    """The way from an empty tenant to its first answer."""
    read = states.get(SourceStatus.READY, 0) + states.get(SourceStatus.PARTIAL, 0)
    return [
        Line(
            "Add a source: a text, files, a web page or a whole site",
            reverse("console:sources_source_add"),
            done=bool(states),
        ),
        Line("Wait until it is read", _list("ingestion_ingestjob"), done=bool(read)),
        Line(
            "Make a bot that answers from it, and turn its widget on",
            reverse("console:bots_botprofile_add"),
            done=bool(_open(bots)),
        ),
        Line("Ask it something on its chat page", _ask(bots), done=bool(chats)),
    ]
