"""App configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenant and people"

    def ready(self) -> None:
        # Checks need the models, which are not there yet when this module is imported.
        import_module("tenants.checks")
