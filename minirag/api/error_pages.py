"""A failure as a page for people: in the look of the place it happened in, with a way back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from minirag.errors import MiniRAGError

# Sites of people: below these paths a failure is a page, whatever a browser says it accepts.
_SITES = {"console": "MiniRAG console", "admin": "MiniRAG platform"}
# On a page the API's own words are too few.
_FOR_PEOPLE = {
    404: "There is nothing at this address. It may have been deleted, or it was mistyped.",
    405: "This address only takes what a form or a button sends. It cannot be opened by itself.",
    500: "The server could not answer this. Try again; if it stays so, "
    "tell its operator the number below.",
}
_ROLE = (
    "Your role does not allow this. An owner or an admin of the tenant can do it, "
    "or give you another role."
)


def site_of(request: HttpRequest) -> str | None:
    """``console`` or ``admin`` where the request belongs to one."""
    first = request.path.split("/", 2)[1]
    return first if first in _SITES and request.path != f"/{first}" else None


def page_of(request: HttpRequest, error: MiniRAGError, title: str, request_id: str) -> str:
    """The whole page."""
    message = _FOR_PEOPLE.get(error.status, error.message)
    context = {"title": title, "message": message, "request_id": request_id}
    site = site_of(request)
    # What failed may be the database, which the session's parts of that page ask.
    if site is None or error.status >= 500:
        return render_to_string("api/error.html", context)
    if site == "console" and error.status == 403 and error.message == error.default_message:
        context["message"] = _ROLE
    request.current_app = site
    more = {"site_header": _SITES[site], "site_title": _SITES[site], **_way_back(request, site)}
    return render_to_string("admin/error.html", context | more, request)


def _way_back(request: HttpRequest, site: str) -> dict[str, Any]:
    """The list that the address lies in, if it lies in one; the first page always."""
    parts = request.path.strip("/").split("/")
    if len(parts) <= 3:
        return {}
    try:
        return {"rows": reverse(f"{site}:{parts[1]}_{parts[2]}_changelist")}
    except NoReverseMatch:
        return {}
