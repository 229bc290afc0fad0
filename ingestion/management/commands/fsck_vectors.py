"""``manage.py fsck_vectors [--repair] [--json]``: rows against points, both ways, per tenant."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.fsck import Findings, check_tenant, delete_unnamed
from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.services import schedule_reindex
from minirag.errors import MiniRAGError
from sources.models import Source
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


class Command(BaseCommand):
    help = "Compare chunk rows with the points of the vector store. Exit status 1: not clean."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="", help="slug: one tenant only")
        parser.add_argument(
            "--repair", action="store_true", help="delete orphans, make missing vectors anew"
        )
        parser.add_argument("--json", action="store_true", help="figures for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenants = _tenants(options["tenant"])
            found = [check_tenant(tenant) for tenant in tenants]
            if options["repair"] and not all(one.clean for one in found):
                self._repair(found)
                found = [check_tenant(tenant) for tenant in tenants]
        except MiniRAGError as error:
            raise CommandError(error.message, returncode=2) from error
        self._report(found, as_json=options["json"])
        if not all(one.clean for one in found):
            sys.exit(1)

    def _repair(self, found: Sequence[Findings]) -> None:
        for one in found:
            if not delete_unnamed(one):
                self.stderr.write(f"{one.tenant}: a job runs; its orphans are left for later.")
        broken = [one for one in found if one.missing and not one.suspended]
        if broken:
            with somebody_works():
                finish([pk for one in broken for pk in _schedule(one)], self.stderr)

    def _report(self, found: Sequence[Findings], *, as_json: bool) -> None:
        if as_json:
            clean = all(one.clean for one in found)
            answer = {"clean": clean, "tenants": [_figures(one) for one in found]}
            self.stdout.write(json.dumps(answer, indent=2))
            return
        for one in found:
            words = "clean" if one.clean else "NOT CLEAN"
            self.stdout.write(
                f"{one.tenant}: {one.rows} rows, {one.points} points, "
                f"{sum(one.missing.values())} missing, {one.doubles} doubles, "
                f"{one.orphans} orphans: {words}"
            )


def _figures(one: Findings) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "tenant_id": str(one.tenant_id),
        "collection": one.collection,
        "rows": one.rows,
        "points": one.points,
        "missing": sum(one.missing.values()),
        "missing_by_source": {str(pk): count for pk, count in one.missing.items()},
        "doubles": one.doubles,
        "orphans": one.orphans,
        "clean": one.clean,
    }


def _tenants(slug: str) -> list[Tenant]:
    if slug:
        return [tenant_by_slug(slug)]
    with platform_scope("compare the index with the rows of every tenant"):
        return list(Tenant.objects.order_by("created_at"))


def _schedule(one: Findings) -> list[Any]:
    """Jobs that make the vectors of the sources anew in which some are missing."""
    auth = system_context(one.tenant_id, "manage.py fsck_vectors")
    with tenant_scope(one.tenant_id):
        sources = Source.objects.filter(pk__in=list(one.missing), deleted_at__isnull=True)
        return [schedule_reindex(auth, source).pk for source in sources]
