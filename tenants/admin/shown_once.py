"""New secrets are shown in the answer to the request that made them, and nowhere else."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse


class ShownOnce:
    """A page that can show a new secret."""

    admin_site: Any
    opts: Any

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
        route = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist"
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "back": reverse(route),
        }
        page = "admin/shown_once.html"
        response = TemplateResponse(request, page, context | {"secret": secret, "words": words})
        response["Cache-Control"] = "no-store"
        return response
