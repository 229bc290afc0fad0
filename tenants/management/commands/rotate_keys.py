"""Re-encrypts stored credentials with the newest key, so that older keys can be dropped."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from minirag.errors import ProviderMisconfigured
from minirag.fields import EncryptedCredentialsField, is_newest, rotate
from tenants.scope import platform_scope


def encrypted_fields() -> Iterator[tuple[type[models.Model], EncryptedCredentialsField]]:
    """Every encrypted column of every app."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedCredentialsField):
                yield model, field


def rotate_row(model: type[models.Model], field: EncryptedCredentialsField, pk: Any) -> bool:
    """Rotate one value in its own transaction. Returns whether it was not the newest key's."""
    with transaction.atomic():
        row = model._base_manager.select_for_update().filter(pk=pk).first()
        sealed = row.__dict__[field.attname] if row is not None else ""
        if row is None or not sealed or is_newest(sealed, field.context(row)):
            return False
        fresh = rotate(sealed, field.context(row))
        model._base_manager.filter(pk=pk).update(**{field.attname: fresh})
        return True


class Command(BaseCommand):
    help = "Re-encrypt all credentials with the first key of MINIRAG_ENCRYPTION_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        done, unreadable = 0, []
        with platform_scope("key rotation"):
            for model, field in encrypted_fields():
                keys = model._base_manager.exclude(**{field.attname: ""}).values_list(
                    "pk", flat=True
                )
                for pk in list(keys):
                    try:
                        done += (
                            self._is_old(model, field, pk)
                            if options["dry_run"]
                            else rotate_row(model, field, pk)
                        )
                    except ProviderMisconfigured:
                        unreadable.append(f"{model._meta.label} {pk}")
        self.stdout.write(f"{done} value(s) {'to rotate' if options['dry_run'] else 'rotated'}.")
        if unreadable:
            raise CommandError("No present key opens: " + ", ".join(unreadable))

    @staticmethod
    def _is_old(model: type[models.Model], field: EncryptedCredentialsField, pk: Any) -> bool:
        row = model._base_manager.get(pk=pk)
        return not is_newest(row.__dict__[field.attname], field.context(row))
