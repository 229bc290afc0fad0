"""``manage.py reindex``: an index made anew from the rows, beside the one that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.builds import schedule_rebuild, schedule_rollback
from ingestion.estimates import Estimate, estimates
from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.services import schedule_reindex
from minirag.errors import MiniRAGError
from sources.models import Source
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

_ACTOR = "manage.py reindex"


class Command(BaseCommand):
    help = "Make the vectors of tenants or of a source anew. Answers go on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", default="", help="slug: the index of one tenant")
        which.add_argument("--source", type=UUID, help="id of one source")
        which.add_argument("--all", action="store_true", help="the indexes of all tenants")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="say what it would cost")
        how.add_argument(
            "--copy",
            action="store_true",
            help="copy the vectors instead of making them: gives room back",
        )
        how.add_argument(
            "--rollback", action="store_true", help="back to the index that answered before"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["tenant"] or options["source"] or options["all"]
        if not named and not options["dry_run"]:
            raise CommandError("Say what: --tenant, --source or --all.")
        if options["source"] and (options["copy"] or options["rollback"]):
            raise CommandError("A source has no index of its own: say --tenant or --all.")
        if options["rollback"] and not options["tenant"]:
            raise CommandError("A rollback is of one tenant: say --tenant.")
        source = _source(options["source"]) if options["source"] else None
        tenants = [] if source is not None else _tenants(options["tenant"])
        if options["dry_run"]:
            self._estimate(tenants, source)
            return
        try:
            self._work(tenants, source, options)
        except MiniRAGError as error:
            raise CommandError(error.message) from error

    def _work(
        self, tenants: Sequence[Tenant], source: Source | None, options: dict[str, Any]
    ) -> None:
        with somebody_works():
            if source is not None:
                jobs = [_schedule_source(source)]
            elif options["rollback"]:
                jobs = [_schedule_rollback(tenants[0])]
            else:
                found = [_schedule_rebuild(tenant, options["copy"]) for tenant in tenants]
                jobs = [job for job in found if job is not None]
            if jobs:
                finish(jobs, self.stderr)
        if source is not None:
            self.stdout.write("1 source has new vectors.")
        elif options["rollback"]:
            self.stdout.write(f"{tenants[0].slug} answers from its former index again.")
        elif jobs:
            self.stdout.write(f"{len(jobs)} tenants answer from a new index; the old is kept.")
        else:
            self.stdout.write("There is nothing to do.")

    def _estimate(self, tenants: Sequence[Tenant], source: Source | None) -> None:
        with platform_scope("what a reindex would cost"):
            found = estimates([tenant.pk for tenant in tenants], source)
        for one in found:
            self.stdout.write(_in_words(one))
        self.stdout.write("Nothing was changed.")


def _in_words(one: Estimate) -> str:
    cost = "unknown" if one.cost_usd is None else f"about ${one.cost_usd:.4f}"
    return (
        f"{one.model}: {one.chunks} chunks, {one.tokens} tokens, cost {cost}, "
        f"about {max(1, round(one.minutes))} min"
    )


def _tenants(slug: str) -> list[Tenant]:
    if slug:
        return [tenant_by_slug(slug)]
    with platform_scope("a reindex of every tenant"):
        return list(Tenant.objects.filter(suspended_at__isnull=True).order_by("created_at"))


def _source(source_id: UUID) -> Source:
    with platform_scope("a reindex of a chosen source"):
        rows = Source.objects.filter(deleted_at__isnull=True, tenant__suspended_at__isnull=True)
        found: Source | None = rows.filter(pk=source_id).first()
    if found is None:
        raise CommandError(f"There is no source {source_id}.")
    return found


def _schedule_source(source: Source) -> UUID:
    with tenant_scope(source.tenant_id):
        found: UUID = schedule_reindex(system_context(source.tenant_id, _ACTOR), source).pk
        return found


def _schedule_rebuild(tenant: Tenant, copies: bool) -> UUID | None:
    with tenant_scope(tenant.pk):
        job = schedule_rebuild(system_context(tenant.pk, _ACTOR), tenant, copies=copies)
        return job.pk if job is not None else None


def _schedule_rollback(tenant: Tenant) -> UUID:
    with tenant_scope(tenant.pk):
        found: UUID = schedule_rollback(system_context(tenant.pk, _ACTOR), tenant).pk
        return found
