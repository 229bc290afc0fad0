"""``manage.py delete_tenant SLUG``: everything a tenant holds, for good."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.services import schedule_tenant_delete
from minirag.errors import MiniRAGError
from tenants.context import system_context
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Delete a tenant with all it holds. Only its usage and audit events are kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="slug of the tenant")
        parser.add_argument("--yes", action="store_true", help="do not ask to type the slug again")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenant_by_slug(options["slug"])
        if not options["yes"] and not self._confirmed(tenant.slug):
            raise CommandError("Nothing was deleted.")
        auth = system_context(tenant.pk, "manage.py delete_tenant")
        try:
            with somebody_works():
                with tenant_scope(tenant.pk):
                    job = schedule_tenant_delete(auth, tenant)
                finish([job.pk], self.stderr)
        except MiniRAGError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"The tenant '{options['slug']}' and all it held are gone.")

    def _confirmed(self, slug: str) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("Say --yes where nobody can be asked.")
        self.stderr.write(f"This deletes the tenant '{slug}' for good, with all it holds.")
        return input("Type its slug to go on: ").strip() == slug
