"""Reads of bots. The tenant's scope must be open."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from bots.models import BotProfile, BotSource
from minirag.errors import MiniRAGError, NotFound, ProviderMisconfigured
from minirag.providers import lacking_credential
from minirag.types import Credentials
from tenants.context import AuthContext

# Four characters of a shorter key would be a good part of it.
_SHORTEST_SHOWN = 8


def list_bots(auth: AuthContext) -> QuerySet[BotProfile]:
    """The tenant's bots, newest first, ``with_links``."""
    return with_links(BotProfile.objects.filter(tenant_id=auth.tenant_id))


def with_links(rows: QuerySet[BotProfile]) -> QuerySet[BotProfile]:
    """``rows`` with their live source ids in one more query."""
    links = BotSource.objects.filter(source__deleted_at__isnull=True).order_by("source_id")
    return rows.prefetch_related(Prefetch("bot_sources", queryset=links, to_attr="live_links"))


def access_bot(auth: AuthContext, bot_id: UUID) -> BotProfile:
    """Raises ``NotFound`` alike for foreign and missing ones."""
    return _one(list_bots(auth), bot_id)


def bot_with_tenant(auth: AuthContext, bot_id: UUID) -> BotProfile:
    """``access_bot`` with its tenant's row, all of it, from the same query."""
    return _one(list_bots(auth).select_related("tenant"), bot_id)


def _one(rows: QuerySet[BotProfile], bot_id: UUID) -> BotProfile:
    bot: BotProfile | None = rows.filter(pk=bot_id).first()
    if bot is None:
        raise NotFound
    return bot


def live_source_ids(bot: BotProfile) -> list[UUID]:
    """Sources that the bot reads and that are not deleted, ordered by id."""
    links = getattr(bot, "live_links", None)
    if links is None:
        rows = BotSource.objects.filter(bot=bot, source__deleted_at__isnull=True)
        return list(rows.order_by("source_id").values_list("source_id", flat=True))
    return [link.source_id for link in links]


def bot_credentials(bot: BotProfile) -> Credentials:
    """The bot's own provider credentials, opened.

    Raises ``ProviderMisconfigured`` where the encryption key is lost.
    """
    credentials: Credentials = bot.credentials
    return credentials


def has_credentials(bot: BotProfile) -> bool:
    """Whether any are stored, without opening them."""
    return bool(bot.__dict__.get("credentials"))


def credentials_hint(bot: BotProfile) -> str | None:
    """The last four characters of the key; None where there is none, or it is too short to show."""
    if not has_credentials(bot):
        return None
    try:
        key = bot_credentials(bot).values.get("api_key", "")
    except ProviderMisconfigured:
        return None  # the encryption key is lost; the bot itself must stay readable
    return key[-4:] if len(key) >= _SHORTEST_SHOWN else None


def missing_parts(bot: BotProfile) -> list[str]:
    """What ``bot`` cannot answer without, each in a sentence."""
    missing = []
    if not live_source_ids(bot):
        missing.append("It has no source: it refuses every question.")
    try:
        lacking = lacking_credential(bot.model, bot_credentials(bot).values)
    except MiniRAGError as error:
        return [*missing, error.message]
    if lacking is not None:
        missing.append(f"Its model needs {'an API key' if lacking == 'api_key' else 'an address'}.")
    return missing


def bot_by_public_id(public_id: str) -> BotProfile:
    """The bot behind a widget's public id; needs ``platform_scope``. Raises ``NotFound``."""
    bot: BotProfile | None = BotProfile.objects.filter(widget_public_id=public_id).first()
    if bot is None:
        raise NotFound
    return bot


def bot_by_slug(auth: AuthContext, slug: str) -> BotProfile:
    """A bot by its slug inside the tenant. Raises ``NotFound``."""
    bot = list_bots(auth).filter(slug=slug).first()
    if bot is None:
        raise NotFound
    return bot
