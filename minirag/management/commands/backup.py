"""``manage.py backup FILE``: rows and uploads, while the system goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from minirag.backup import write_backup


class Command(BaseCommand):
    help = (
        "Write all rows and uploaded files to FILE (tar, gzip). Vectors are rebuilt at restore. "
        "Provider credentials stay encrypted: without MINIRAG_ENCRYPTION_KEYS, kept elsewhere, "
        "they cannot be read again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--force", action="store_true", help="Replace FILE where it is there already."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            rows, files = write_backup(path, replace=options["force"])
        except FileExistsError as error:
            raise CommandError(
                f"{path} is there already: name another file, or say --force to replace it."
            ) from error
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        self.stdout.write(f"{path}: {rows} rows, {files} files, {path.stat().st_size} bytes")
