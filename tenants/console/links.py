"""Links from page to page of one site."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator


def link_to(site: AdminSite, row: Any, words: object) -> SafeString:
    """``words`` as a link to the page of ``row``."""
    route = f"{site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(route, args=[row.pk]), words)


def rows_of_kind(request: HttpRequest, site: AdminSite, kind: str, ids: Any) -> list[Any]:
    """Rows by the name of their model and their ids, as far as the site has pages for them."""
    for model, page in site._registry.items():
        if kind and ids and model._meta.model_name == kind:
            try:
                return list(page.get_queryset(request).filter(pk__in=ids))
            except (ValidationError, ValueError):
                return []  # an id that is none of this kind's
    return []


def link_by_id(request: HttpRequest, site: AdminSite, kind: str, key: Any) -> SafeString | str:
    """The row's name as a link; for one that is gone, that it is; nothing without an id."""
    if key is None:
        return ""
    row = next(iter(rows_of_kind(request, site, kind, [key])), None)
    return "gone" if row is None else link_to(site, row, Truncator(str(row)).chars(80))
