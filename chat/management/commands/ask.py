"""``manage.py ask "question" --bot SLUG``: an answer in the terminal, with what it rests on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.models import BotProfile
from chat import turns
from chat.events import Event, EventName
from chat.frames import read_ask
from chat.management.remote import ask_server
from chat.models import Channel
from chat.services import Ask
from minirag import wiring
from minirag.errors import MiniRAGError
from minirag.server_lock import running_server
from tenants.context import AuthContext, system_context
from tenants.models import Tenant
from tenants.scope import platform_scope

_PATIENCE = 10.0


class Command(BaseCommand):
    help = "Ask a bot; the answer is streamed to the terminal, its citations follow."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--bot", required=True, help="slug of the bot")
        parser.add_argument("--tenant", default="", help="slug of the tenant, if bots share names")

    def handle(self, *args: Any, **options: Any) -> None:
        bot = find_bot(options["bot"], options["tenant"])
        auth = system_context(bot.tenant_id, "manage.py ask")
        server = running_server()
        asked = {"bot_profile_id": str(bot.pk), "message": options["question"]}
        try:
            ask = read_ask(asked, Channel.API)
            if server is not None and wiring.is_embedded():
                for event in ask_server(server, auth, bot, ask.message):
                    self._show(event)
            else:
                asyncio.run(self._ask_here(auth, ask))
        except MiniRAGError as error:
            raise CommandError(_words(error.message, error.fields)) from error

    async def _ask_here(self, auth: AuthContext, ask: Ask) -> None:
        opened = await turns.open_turn(auth, ask)
        try:
            async for event in _events(auth, opened):
                self._show(event)
        finally:
            opened.slot.release()
            await turns.shutdown()

    def _show(self, event: Event) -> None:
        if event.name is EventName.DELTA:
            self.stdout.write(event.data["text"], ending="")
            self.stdout.flush()
        elif event.name is EventName.ERROR:
            words = _words(event.data["message"], event.data.get("fields"))
            raise CommandError(f"{words} ({event.data['code']})")
        elif event.name is EventName.DONE:
            self.stdout.write("")
            for line in citation_lines(event.data["citations"]):
                self.stdout.write(line)


async def _events(auth: AuthContext, opened: turns.Opened) -> AsyncIterator[Event]:
    async for logged in turns.follow(auth.tenant_id, opened.turn.message_id, _PATIENCE):
        if logged is not None:
            yield logged.event


def _words(message: str, fields: Mapping[str, list[str]] | None) -> str:
    """A refusal with the fields it is about; people know ``message`` as their question."""
    named = {"message": "question"}
    each = (f"{named.get(name, name)}: {' '.join(texts)}" for name, texts in (fields or {}).items())
    return " ".join([message, *each])


def citation_lines(citations: list[dict[str, Any]]) -> Iterator[str]:
    """One line per citation: marker, document, page, quote."""
    for citation in citations:
        page = f", page {citation['page']}" if citation["page"] else ""
        quote = " ".join(citation["quote"].split())
        yield f"[{citation['marker']}] {citation['title']}{page}: “{quote}”"


def find_bot(slug: str, tenant_slug: str) -> BotProfile:
    """Raises ``CommandError`` where there is none, or more than one."""
    with platform_scope("a command names a bot"):
        rows = BotProfile.objects.filter(slug=slug)
        if tenant_slug:
            tenant = Tenant.objects.filter(slug=tenant_slug).first()
            if tenant is None:
                raise CommandError(f"There is no tenant '{tenant_slug}'.")
            rows = rows.filter(tenant=tenant)
        bots = list(rows[:2])
    if not bots:
        raise CommandError(f"There is no bot '{slug}'.")
    if len(bots) > 1:
        raise CommandError(f"Several tenants have a bot '{slug}': say which with --tenant.")
    found: BotProfile = bots[0]
    return found
