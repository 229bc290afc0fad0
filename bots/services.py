"""Writes of bots. The tenant's scope must be open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from bots.models import DEFAULT_MODEL, BotProfile, BotSource
from bots.selectors import access_bot, has_credentials
from bots.validation import (
    MAX_SLUG,
    RULES,
    clean_credentials,
    clean_slug,
    clean_widget,
    slug_from,
)
from minirag.errors import Conflict, Forbidden, Invalid
from minirag.providers.catalog import provider_of
from minirag.validation import Rule, clean_all
from sources.selectors import live_sources
from tenants import audit, idempotency
from tenants.context import AuthContext
from tenants.locking import delete_whole, lock_row
from tenants.models import TokenScope

_SLUG_TRIES = 50
# Fields that are judged by themselves; the others need the tenant's rows, or the model.
_JUDGED: Mapping[str, Rule] = {**RULES, "slug": clean_slug, "widget": clean_widget}
_OTHERS = frozenset({"credentials", "source_ids"})


def create_bot(auth: AuthContext, *, name: str, **values: Any) -> BotProfile:
    """A new bot. ``values`` are the fields of the contract by name.

    Raises ``Invalid``, ``AddressRefused``, or ``Forbidden`` for credentials without ``admin``.
    """
    if values.get("credentials") is None:
        values.pop("credentials", None)
    if values.get("slug") is None:
        values.pop("slug", None)
    bot = BotProfile(tenant_id=auth.tenant_id)
    columns = _columns(auth, bot, {"name": name, **values})
    for column, value in columns.items():
        setattr(bot, column, value)
    with transaction.atomic():
        if "slug" in values:
            _save_with_slug(bot, clean_slug(values["slug"]))
        else:
            _save_with_free_slug(bot)
        _link_sources(bot, values.get("source_ids") or [])
        audit.record(auth, "bot.create", bot, detail=_told(bot, columns, values))
    return access_bot(auth, bot.pk)


def update_bot(auth: AuthContext, bot: BotProfile, **changes: Any) -> BotProfile:
    """Change the given fields; ``widget`` is merged, ``credentials`` replaced whole, null clears.

    Raises as ``create_bot``, and ``NotFound`` for a bot that was deleted meanwhile.
    """
    with transaction.atomic():
        # Two changes of one bot go one after the other, so that neither undoes the other's links.
        locked: BotProfile = lock_row(BotProfile.objects.filter(pk=bot.pk))
        columns = _columns(auth, locked, changes)
        for column, value in columns.items():
            setattr(locked, column, value)
        if "slug" in changes:
            _save_with_slug(locked, clean_slug(changes["slug"]), [*columns, "slug"])
        else:
            locked.save(update_fields=[*columns, "updated_at"])
        if "source_ids" in changes:
            _link_sources(locked, changes["source_ids"])
        audit.record(auth, "bot.update", locked, detail=_told(locked, columns, changes))
    return access_bot(auth, bot.pk)


def delete_bot(auth: AuthContext, bot: BotProfile) -> None:
    """Delete a bot with its chats. What it cost stays in the ledger.

    Raises ``NotFound`` where it was deleted meanwhile.
    """

    def deletion() -> None:
        # Bot and chats before what hangs on them, as whoever asks: else two would wait for each
        # other.
        locked: BotProfile = lock_row(BotProfile.objects.filter(pk=bot.pk), no_key=False)
        list(locked.chats.select_for_update().order_by("pk").values_list("pk"))
        audit.record(auth, "bot.delete", bot, detail={"name": bot.name, "slug": bot.slug})
        idempotency.forget_quotes(bot.tenant_id)
        BotProfile.objects.filter(pk=bot.pk).delete()

    delete_whole(deletion)


def _columns(auth: AuthContext, bot: BotProfile, values: Mapping[str, Any]) -> dict[str, Any]:
    """Checked values by column name."""
    if unknown := values.keys() - _JUDGED.keys() - _OTHERS:
        raise Invalid(fields={name: ["Unknown field."] for name in sorted(unknown)})
    if "credentials" in values and not auth.may(TokenScope.ADMIN):
        raise Forbidden("Only an admin may set a bot's credentials.")
    model = str(values.get("model", bot.model or DEFAULT_MODEL))
    rules: dict[str, Rule] = {
        **_JUDGED,
        "source_ids": _known_ids,
        "credentials": partial(clean_credentials, model),
    }
    columns = clean_all(rules, values)
    for name in ("slug", "source_ids"):
        columns.pop(name, None)
    columns |= columns.pop("widget", {})
    if "credentials" not in values and has_credentials(bot) and _needs_other_key(bot.model, model):
        # A key must never travel to a provider that it was not given for.
        raise Invalid.field(
            "credentials",
            "The stored credentials are another provider's: send this one's, or null.",
        )
    return columns


def _needs_other_key(old: str, new: str) -> bool:
    return not new.startswith(("local/", "fake/")) and provider_of(old) != provider_of(new)


def _save_with_slug(bot: BotProfile, slug: str, columns: list[str] | None = None) -> None:
    bot.slug = slug
    fields = [*columns, "updated_at"] if columns is not None else None
    try:
        with transaction.atomic():
            bot.save(update_fields=fields, force_insert=fields is None)
    except IntegrityError as error:
        raise Invalid.field("slug", "Another bot has this slug.") from error


def _save_with_free_slug(bot: BotProfile) -> None:
    """Insert under the name's slug, or that with -2, -3 …, also while others insert theirs."""
    base = slug_from(bot.name)
    for _ in range(_SLUG_TRIES):
        bot.slug = _free_slug(base)
        try:
            with transaction.atomic():
                bot.save(force_insert=True)
        except IntegrityError:
            continue
        return
    raise Conflict("Many bots of this name are being made at once. Try again.")


def _free_slug(base: str) -> str:
    stem = base[: MAX_SLUG - 6].rstrip("-")
    taken = set(BotProfile.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    if base not in taken:
        return base
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in numbered if slug not in taken)


def _link_sources(bot: BotProfile, source_ids: Any) -> None:
    """Make ``source_ids`` the bot's sources; foreign, deleted and missing are refused alike."""
    wanted = _clean_ids(source_ids)
    # Locked, so that none of them is deleted before the links are committed.
    live = live_sources(wanted).select_for_update(no_key=True).order_by("pk")
    found = set(live.values_list("pk", flat=True))
    if len(found) != len(wanted):
        raise _no_source()
    BotSource.objects.filter(bot=bot).exclude(source_id__in=found).delete()
    linked = set(BotSource.objects.filter(bot=bot).values_list("source_id", flat=True))
    BotSource.objects.bulk_create(
        BotSource(tenant_id=bot.tenant_id, bot=bot, source_id=pk)
        for pk in wanted
        if pk not in linked
    )


def _no_source() -> Invalid:
    return Invalid.field("source_ids", "There is no such source.")


def _known_ids(source_ids: Any) -> list[UUID]:
    wanted = _clean_ids(source_ids)
    if live_sources(wanted).count() != len(wanted):
        raise _no_source()
    return wanted


def _clean_ids(source_ids: Any) -> list[UUID]:
    if not isinstance(source_ids, Iterable) or isinstance(source_ids, str | Mapping):
        raise Invalid.field("source_ids", "Must be a list.")
    wanted = list(dict.fromkeys(source_ids))
    if not all(isinstance(item, UUID) for item in wanted):
        raise Invalid.field("source_ids", "Each must be an id.")
    if len(wanted) > settings.MINIRAG_MAX_BOT_SOURCES:
        raise Invalid.field("source_ids", f"At most {settings.MINIRAG_MAX_BOT_SOURCES} sources.")
    return wanted


def _told(bot: BotProfile, columns: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit: which fields were written, and no value that could be a secret."""
    detail: dict[str, Any] = {"name": bot.name, "fields": sorted({*columns, *values})}
    if "credentials" in columns:
        detail["credentials_set"] = bool(columns["credentials"])
    return detail
