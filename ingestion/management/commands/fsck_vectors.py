"""``manage.py fsck_vectors [--repair] [--json]``: rows against points, both ways, per tenant."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.checking import schedule_check
from ingestion.fsck import check_tenant
from ingestion.management.running import finish, somebody_works, tenant_by_slug
from minirag import wiring
from minirag.errors import MiniRAGError
from minirag.server_lock import running_server
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


class Command(BaseCommand):
    help = "Compare chunk rows with points of the vector store. Exit status 1: not clean; 2: unseen"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="", help="slug: one tenant only")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="delete orphans, mend payloads, make missing vectors",
        )
        parser.add_argument("--json", action="store_true", help="figures for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = _tenants(options["tenant"])
        try:
            found = self._look(tenants)
            if options["repair"] and not all(one["clean"] for one in found):
                broken = {one["tenant_id"] for one in found if not one["clean"]}
                mended = self._by_jobs([t for t in tenants if str(t.pk) in broken], repair=True)
                again = {one["tenant_id"]: one for one in mended}
                found = [again.get(one["tenant_id"], one) for one in found]
        except MiniRAGError as error:
            raise CommandError(error.message, returncode=2) from error
        self._report(found, as_json=options["json"])
        if not all(one["clean"] for one in found):
            sys.exit(1)

    def _look(self, tenants: Sequence[Tenant]) -> list[dict[str, Any]]:
        """In this process; or by the embedded server that holds the store."""
        if wiring.is_embedded() and running_server() is not None:
            return self._by_jobs(tenants, repair=False)
        return [check_tenant(tenant).as_dict() for tenant in tenants]

    def _by_jobs(self, tenants: Sequence[Tenant], *, repair: bool) -> list[dict[str, Any]]:
        with somebody_works():
            jobs = finish([_schedule(tenant, repair) for tenant in tenants], self.stderr, status=2)
        order = {tenant.pk: place for place, tenant in enumerate(tenants)}
        jobs.sort(key=lambda job: order[job.tenant_id])
        found = [job.result for job in jobs if job.result is not None]
        for one in found:
            if one["left_for_later"]:
                self.stderr.write(f"{one['tenant']}: a job runs; its orphans are left for later.")
        return found

    def _report(self, found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            clean = all(one["clean"] for one in found)
            self.stdout.write(json.dumps({"clean": clean, "tenants": found}, indent=2))
            return
        for one in found:
            self.stdout.write(f"{one['tenant']}: {in_words(one)}")


def in_words(one: dict[str, Any]) -> str:
    """The figures of one tenant in a line."""
    words = "clean" if one["clean"] else "NOT CLEAN"
    line = (
        f"{one['rows']} rows, {one['points']} points, {one['missing']} missing, "
        f"{one['doubles']} doubles, {one['orphans']} orphans, "
        f"{one['waiting']} kept for a running job or a retry, "
        f"{one['wrong_payloads']} wrong payloads, {one['wrong_vectors']} wrong vectors"
    )
    strays = sum(other["strays"] for other in one["other_indexes"])
    return f"{line}, {strays} strays in other indexes: {words}"


def _tenants(slug: str) -> list[Tenant]:
    if slug:
        return [tenant_by_slug(slug, status=2)]
    with platform_scope("compare the index with the rows of every tenant"):
        return list(Tenant.objects.order_by("created_at"))


def _schedule(tenant: Tenant, repair: bool) -> UUID:
    auth = system_context(tenant.pk, "manage.py fsck_vectors")
    with tenant_scope(tenant.pk):
        found: UUID = schedule_check(auth, repair=repair).pk
        return found
