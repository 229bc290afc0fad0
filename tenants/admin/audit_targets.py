"""What the objects of audit events are called, with a link where they are still there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import Truncator, capfirst

from tenants.console import NOTHING, link_to, rows_of_kind
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
    for kind, keys in ids.items():
        for row in rows_of_kind(request, site, kind, keys):
            here[kind, str(row.pk)] = row
    gone = {event.object_id for event in events if _key(event) not in here}
    named = _names(gone - {""})
    with_pages = {model._meta.model_name for model in site._registry}
    for event in events:
        row = here.get(_key(event))
        name = str(row) if row is not None else named.get(event.object_id, "")
        words = _words(event.object_type, name)
        if not name and event.object_type in with_pages:
            words = f"{words}, gone"
        event.__dict__["target"] = words if row is None else link_to(site, row, words)


def object_of(request: HttpRequest, site: admin.AdminSite) -> Any:
    """What a list of one object's events is about, while it is still there."""
    kind, key = (request.GET.get(f"object_{name}__exact") for name in ("type", "id"))
    return next(iter(rows_of_kind(request, site, kind or "", [key] if key else [])), None)


def _key(event: AuditEvent) -> tuple[str, str]:
    return event.object_type, event.object_id


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
    return f"{capfirst(noun)} “{short}”" if short else capfirst(noun)
