"""``manage.py ingest PATH… --bot SLUG``: files into a bot's answers, from the shell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from bots.models import BotProfile
from bots.selectors import live_source_ids
from bots.services import update_bot
from ingestion.management.running import finish, somebody_works, tenant_by_slug
from ingestion.models import IngestJob
from ingestion.parsing.document import Hints
from ingestion.parsing.sniff import detect
from ingestion.services import schedule_ingest
from minirag.errors import MiniRAGError, UnreadableSource
from minirag.formats import kind_of_suffix, mime_type_of
from sources.models import Document, DocumentStatus, Source, SourceType
from sources.services import add_upload, create_source
from tenants.context import AuthContext, system_context
from tenants.scope import platform_scope, tenant_scope

_HEAD = 64 * 1024  # bytes of a file that tell its type


class Command(BaseCommand):
    help = "Take files and folders into the answers of a bot, and show how it goes on stderr."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--bot", required=True, help="slug of the bot")
        parser.add_argument("--tenant", default="", help="slug of the tenant, if bots share names")

    def handle(self, *args: Any, **options: Any) -> None:
        files = named_files(options["paths"], self._skipped)
        bot = find_bot(options["bot"], options["tenant"])
        auth = system_context(bot.tenant_id, "manage.py ingest")
        try:
            with tenant_scope(bot.tenant_id), somebody_works():
                source = source_of(auth, bot)
                taken = [_upload(auth, source, name, path) for name, path in files.items()]
                job = schedule_ingest(auth, source)
                ended = _end_of(job, self.stderr)
        except MiniRAGError as error:
            raise CommandError(error.message) from error
        failed = self._report(bot, source, taken)
        if failed:
            raise CommandError(f"{failed} of the files could not be read; see above.")
        if ended is not None:
            raise ended

    def _skipped(self, path: Path, why: str) -> None:
        self.stderr.write(f"{path.name} is left out: {why}")

    def _report(self, bot: BotProfile, source: Source, taken: list[UUID]) -> int:
        """Say what is ready, and which of this call's files failed: their number."""
        with tenant_scope(bot.tenant_id):
            rows = Document.objects.filter(source=source, deleted_at__isnull=True)
            ready = rows.filter(status=DocumentStatus.READY).count()
            ours = rows.filter(Q(pk__in=taken) | Q(container__in=taken))
            failed = list(ours.filter(status=DocumentStatus.FAILED).values_list("key", "error"))
        self.stdout.write(f"{ready} documents of '{source.name}' are ready for {bot.slug}.")
        for key, error in failed:
            self.stderr.write(f"{key}: {error['message']}")
        return len(failed)


def _upload(auth: AuthContext, source: Source, name: str, path: Path) -> UUID:
    with path.open("rb") as handle:
        made: UUID = add_upload(auth, source, File(handle, name=name)).pk
    return made


def _end_of(job: IngestJob, stderr: Any) -> CommandError | None:
    """Follow the job; its failure is handed back, since each file's own reason comes first."""
    try:
        finish([job.pk], stderr)
    except CommandError as error:
        return error
    return None


def named_files(paths: list[Path], skipped: Callable[[Path, str], None]) -> dict[str, Path]:
    """Files by the key they get: their name, with the folder's before it where two are alike.

    What lies in a folder and is of a type that no parser reads is told to ``skipped``.
    """
    found = [file for path in paths for file in _files(path, skipped)]
    if not found:
        raise CommandError("There are no files in it that can be read.")
    alike = Counter(file.name for file in found)
    named: dict[str, Path] = {}
    for file in found:
        name = file.name if alike[file.name] == 1 else f"{file.parent.name} - {file.name}"
        while name in named and named[name] != file:
            name = f"{name} (2)"
        named[name] = file
    return named


def _files(path: Path, skipped: Callable[[Path, str], None]) -> Iterator[Path]:
    path = path.resolve()
    if path.is_file():
        yield path
    elif path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file())
        for file in inside:
            if _hidden(file.relative_to(path)):
                continue
            if why := _foreign(file):
                skipped(file, why)
            else:
                yield file
    else:
        raise CommandError(f"{path} does not exist.")


def _foreign(path: Path) -> str:
    """Why no parser reads files of this type; empty where one does, whatever is in this one."""
    if kind_of_suffix(path.suffix):
        return ""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    try:
        detect(head, Hints(key=path.name, mime_type=mime_type_of(path.name)))
    except UnreadableSource as error:
        return error.message
    return ""


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
