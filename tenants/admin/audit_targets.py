"""What the objects of audit events are called, with a link where they are still there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator, capfirst

from tenants.console import NOTHING
from tenants.models import AuditEvent

# Where an event's detail says what its object was called.
_NAMED = ("name", "key", "email")


def name_targets(request: HttpRequest, site: admin.AdminSite, events: Iterable[AuditEvent]) -> None:
    """Give each event its ``target``: kind, name, and a link where the site still has its page.

    One query for each kind of object, and one for the names of those that are gone.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    for event in events:
        ids[event.object_type].add(event.object_id)
    here = {}
    for model, page in site._registry.items():
        kind = model._meta.model_name or ""
        for row in _rows(page.get_queryset(request), ids.get(kind, ())):
            here[kind, str(row.pk)] = row
    gone = {event.object_id for event in events if _key(event) not in here}
    named = _names(gone - {""})
    for event in events:
        row = here.get(_key(event))
        name = str(row) if row is not None else named.get(event.object_id, "")
        words = _words(event.object_type, name)
        event.__dict__["target"] = words if row is None else _link(site, row, words)


def object_of(request: HttpRequest, site: admin.AdminSite) -> Any:
    """What a list of one object's events is about, while it is still there."""
    kind, key = (request.GET.get(f"object_{name}__exact") for name in ("type", "id"))
    for model, page in site._registry.items():
        if kind and key and model._meta.model_name == kind:
            return next(iter(_rows(page.get_queryset(request), [key])), None)
    return None


def _key(event: AuditEvent) -> tuple[str, str]:
    return event.object_type, event.object_id


def _rows(rows: Any, ids: Iterable[str]) -> list[Any]:
    try:
        return list(rows.filter(pk__in=ids)) if ids else []
    except (ValidationError, ValueError):
        return []  # an id that is none of this kind's


def _names(ids: set[str]) -> dict[str, str]:
    """What objects were called when the record last spoke of their name."""
    spoken = AuditEvent.objects.filter(object_id__in=ids).order_by("created_at")
    return {
        event.object_id: str(event.detail[key])
        for event in spoken.only("object_id", "detail")
        for key in _NAMED
        if event.detail.get(key)
    }


def _words(kind: str, name: str) -> str:
    if not kind:
        return NOTHING
    called = {model._meta.model_name: model._meta.verbose_name for model in apps.get_models()}
    noun = str(called.get(kind, kind))
    short = Truncator(name).chars(80)
    if short.lower().startswith(noun.lower()):
        return capfirst(short)
    return f"{capfirst(noun)} “{short}”" if short else f"{capfirst(noun)}, gone"


def _link(site: admin.AdminSite, row: Any, words: str) -> str:
    meta = row._meta
    route = f"{site.name}:{meta.app_label}_{meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(route, args=[row.pk]), words)
