"""``manage.py reindex``: every vector made anew from the rows, as after a loss of the store."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Sum

from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.services import schedule_reindex
from minirag.errors import MiniRAGError
from minirag.types import TokenUsage
from sources.models import Chunk, Source
from tenants.context import system_context
from tenants.scope import platform_scope, tenant_scope
from usage.pricing import price


class Command(BaseCommand):
    help = "Make the vectors of sources anew. Answers go on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", default="", help="slug: all sources of one tenant")
        which.add_argument("--source", type=UUID, help="id of one source")
        which.add_argument("--all", action="store_true", help="all sources of all tenants")
        parser.add_argument("--dry-run", action="store_true", help="say what it would cost")

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["tenant"] or options["source"] or options["all"]
        if not named and not options["dry_run"]:
            raise CommandError("Say what: --tenant, --source or --all.")
        sources = _sources(options["tenant"], options["source"])
        if options["dry_run"]:
            self._estimate(sources)
            return
        if not sources:
            self.stdout.write("There is nothing to do.")
            return
        try:
            with somebody_works():
                finish([_schedule(source) for source in sources], self.stderr)
        except MiniRAGError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{len(sources)} sources have new vectors.")

    def _estimate(self, sources: list[Source]) -> None:
        with platform_scope("what a reindex would cost"):
            rows = Chunk.objects.filter(source__in=sources, document__deleted_at__isnull=True)
            by_model = rows.order_by().values_list("tenant__embedding_model")
            for model, chunks, tokens in by_model.annotate(Count("pk"), Sum("token_count")):
                known = price(model)
                cost = f"about ${known.cost(TokenUsage(tokens)) / 1e9:.4f}" if known else "unknown"
                self.stdout.write(f"{model}: {chunks} chunks, {tokens} tokens, cost {cost}")
        self.stdout.write(f"{len(sources)} sources; nothing was changed.")


def _sources(tenant_slug: str, source_id: UUID | None) -> list[Source]:
    with platform_scope("a reindex of chosen sources"):
        rows = Source.objects.filter(deleted_at__isnull=True, tenant__suspended_at__isnull=True)
        if tenant_slug:
            rows = rows.filter(tenant=tenant_by_slug(tenant_slug))
        if source_id is not None:
            rows = rows.filter(pk=source_id)
        found = list(rows.order_by("created_at"))
    if source_id is not None and not found:
        raise CommandError(f"There is no source {source_id}.")
    return found


def _schedule(source: Source) -> UUID:
    with tenant_scope(source.tenant_id):
        job = schedule_reindex(system_context(source.tenant_id, "manage.py reindex"), source)
        found: UUID = job.pk
        return found
