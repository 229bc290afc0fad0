"""The way back from a page: its list, the rows that it belongs to, itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.admin import AdminSite
from django.urls import reverse
from django.utils.text import Truncator, capfirst


class Crumb(NamedTuple):
    url: str
    words: str


def crumbs_of(site: AdminSite, model: Any, row: Any = None) -> list[Crumb]:
    """From the list of ``model`` to ``row``, by way of what it belongs to.

    A page names the field of what its rows belong to in ``belongs_to``.
    """
    route = f"{site.name}:{model._meta.app_label}_{model._meta.model_name}"
    of_list = Crumb(reverse(f"{route}_changelist"), capfirst(model._meta.verbose_name_plural))
    if row is None:
        return [of_list]
    belongs_to = getattr(site._registry.get(model), "belongs_to", "")
    above = getattr(row, belongs_to) if belongs_to else None
    before = crumbs_of(site, type(above), above) if above is not None else [of_list]
    words = Truncator(str(row)).chars(60)
    return [*before, Crumb(reverse(f"{route}_change", args=[row.pk]), words)]
