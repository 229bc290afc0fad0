"""New secrets are shown in the answer to the request that made them, and nowhere else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


class ShownOnce:
    """A page that can show a new secret."""

    admin_site: Any

    def show_once(self, request: HttpRequest, title: str, secret: str, words: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title}
        page = "admin/shown_once.html"
        response = TemplateResponse(request, page, context | {"secret": secret, "words": words})
        response["Cache-Control"] = "no-store"
        return response
