"""App configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "Jobs and indexes"

    def ready(self) -> None:
        import_module("ingestion.checks")
