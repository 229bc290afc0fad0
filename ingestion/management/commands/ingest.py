"""``manage.py ingest PATH… --bot SLUG``: files into a bot's answers, from the shell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.models import BotProfile
from bots.selectors import live_source_ids
from bots.services import update_bot
from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.services import schedule_ingest
from minirag.errors import MiniRAGError
from sources.models import Document, DocumentStatus, Source, SourceType
from sources.services import add_upload, create_source
from tenants.context import AuthContext, system_context
from tenants.scope import platform_scope, tenant_scope


class Command(BaseCommand):
    help = "Take files and folders into the answers of a bot, and show how it goes on stderr."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--bot", required=True, help="slug of the bot")
        parser.add_argument("--tenant", default="", help="slug of the tenant, if bots share names")

    def handle(self, *args: Any, **options: Any) -> None:
        files = named_files(options["paths"])
        bot = find_bot(options["bot"], options["tenant"])
        auth = system_context(bot.tenant_id, "manage.py ingest")
        try:
            with tenant_scope(bot.tenant_id), somebody_works():
                source = source_of(auth, bot)
                for name, path in files.items():
                    with path.open("rb") as handle:
                        add_upload(auth, source, File(handle, name=name))
                job = schedule_ingest(auth, source)
                finish([job.pk], self.stderr)
        except MiniRAGError as error:
            raise CommandError(error.message) from error
        self._report(bot, source)

    def _report(self, bot: BotProfile, source: Source) -> None:
        with tenant_scope(bot.tenant_id):
            rows = Document.objects.filter(source=source, deleted_at__isnull=True)
            ready = rows.filter(status=DocumentStatus.READY).count()
            failed = list(rows.filter(status=DocumentStatus.FAILED).values_list("key", "error"))
        self.stdout.write(f"{ready} documents of '{source.name}' are ready for {bot.slug}.")
        for key, error in failed:
            self.stderr.write(f"{key}: {error['message']}")


def named_files(paths: list[Path]) -> dict[str, Path]:
    """Files by the key they get: their name, with the folder's before it where two are alike."""
    found = [file for path in paths for file in _files(path)]
    if not found:
        raise CommandError("There are no files in it.")
    alike = Counter(file.name for file in found)
    named: dict[str, Path] = {}
    for file in found:
        name = file.name if alike[file.name] == 1 else f"{file.parent.name} - {file.name}"
        while name in named and named[name] != file:
            name = f"{name} (2)"
        named[name] = file
    return named


def _files(path: Path) -> Iterator[Path]:
    path = path.resolve()
    if path.is_file():
        yield path
    elif path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file())
        yield from (f for f in inside if not _hidden(f.relative_to(path)))
    else:
        raise CommandError(f"{path} does not exist.")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def find_bot(slug: str, tenant_slug: str) -> BotProfile:
    """Raises ``CommandError`` where there is none, or more than one."""
    with platform_scope("a command names a bot"):
        rows = BotProfile.objects.filter(slug=slug)
        if tenant_slug:
            rows = rows.filter(tenant=tenant_by_slug(tenant_slug))
        bots: list[BotProfile] = list(rows[:2])
    if not bots:
        raise CommandError(f"There is no bot '{slug}'.")
    if len(bots) > 1:
        raise CommandError(f"Several tenants have a bot '{slug}': say which with --tenant.")
    return bots[0]


def source_of(auth: AuthContext, bot: BotProfile) -> Source:
    """The bot's source for files from the shell: the one it has, or a new one."""
    name = f"{bot.name}: files"[:200]
    ids = live_source_ids(bot)
    source: Source | None = Source.objects.filter(
        pk__in=ids, type=SourceType.FILE, name=name
    ).first()
    if source is None:
        source = create_source(auth, name=name, type=SourceType.FILE)
        update_bot(auth, bot, source_ids=[*ids, source.pk])
    return source
