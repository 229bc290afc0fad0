"""Makes a tenant, its owner and an API token; prints what is shown once."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from minirag.errors import MiniRAGError
from tenants.services import NewTenant, create_tenant


class Command(BaseCommand):
    help = "Create a tenant, its owner and an API token with the scopes admin and chat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--json", action="store_true", help="print JSON for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_tenant(
                name=options["name"], email=options["email"], actor="bootstrap_tenant"
            )
        except MiniRAGError as error:
            words = [f"{name}: {' '.join(texts)}" for name, texts in (error.fields or {}).items()]
            raise CommandError(" ".join(words) or error.message) from error
        self.stdout.write(json.dumps(made.as_dict()) if options["json"] else self._words(made))

    @staticmethod
    def _words(made: NewTenant) -> str:
        password = made.password or "(the account existed; its password stays)"
        return "\n".join(
            (
                f"Tenant     {made.tenant.name} ({made.tenant.slug}, {made.tenant.pk})",
                f"Owner      {made.owner.email}",
                f"Password   {password}",
                f"API token  {made.api_token}",
                "Password and token are shown this once.",
            )
        )
