"""New secrets are shown in the answer to the request that made them, and nowhere else.

Whoever loads that page again sends the form again: a form makes its secret once.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

_KEY = "form_key"
_SENT = "forms_sent"
# Forms of a session that are known to have been sent.
_MOST_KEPT = 50


class ShownOnce:
    """A page that can show a new secret."""

    admin_site: Any
    opts: Any
    trail: Any
    add_form_template: Any = "admin/add_once.html"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        key = request.POST.get(_KEY, "")
        if key and key in request.session.get(_SENT, []):
            words = "This form was sent before, and what it made was shown then."
            messages.warning(request, words)
            return HttpResponseRedirect(self._list())
        context = {**(extra_context or {}), _KEY: key or secrets.token_urlsafe(16)}
        answer: HttpResponse = super().add_view(request, form_url, context)  # type: ignore[misc]
        return answer

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, add: bool = False, **more: Any
    ) -> Any:
        """What is new is shown whichever button was pressed, so there is only one."""
        if add:
            context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        shown: Any = super().render_change_form(request, context, *args, add=add, **more)  # type: ignore[misc]
        return shown

    @staticmethod
    def hand_over(row: models.Model, secret: str) -> models.Model:
        """Let a fresh row carry its secret to the answer, in memory only."""
        row.__dict__["_shown_once"] = secret
        return row

    @staticmethod
    def handed_over(row: models.Model) -> str:
        return str(row.__dict__.get("_shown_once", ""))

    def show_once(self, request: HttpRequest, title: str, secret: str, words: str) -> HttpResponse:
        sent = [*request.session.get(_SENT, []), request.POST.get(_KEY, "")]
        request.session[_SENT] = sent[-_MOST_KEPT:]
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "back": self._list(),
            "trail": self.trail(),
        }
        page = "admin/shown_once.html"
        response = TemplateResponse(request, page, context | {"secret": secret, "words": words})
        response["Cache-Control"] = "no-store"
        return response

    def _list(self) -> str:
        route = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return reverse(route)
