"""``manage.py restore FILE``: into an empty, migrated database; vectors are rebuilt by jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from minirag.backup import read_backup
from minirag.errors import MiniRAGError


class Command(BaseCommand):
    help = "Read a backup into an empty, migrated database, then rebuild the vectors."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help="Restore though the encryption keys are lost: provider credentials are lost too.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            rows, files = read_backup(path, without_keys=options["without_keys"])
        except MiniRAGError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        self.stdout.write(f"{rows} rows and {files} files restored. Rebuilding the vectors:")
        call_command("reindex", "--all", stdout=self.stdout, stderr=self.stderr)
