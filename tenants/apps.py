"""App configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from minirag.statistics import tell_planner


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenant and people"

    def ready(self) -> None:
        # Checks need the models, which are not there yet when this module is imported.
        import_module("tenants.checks")
        # Sent for each app with models, at the end of all migrations: one of them is enough.
        post_migrate.connect(tell_planner, sender=self, dispatch_uid="minirag.statistics")
