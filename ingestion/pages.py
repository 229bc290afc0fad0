"""Pages of the console and the platform's admin that are about work on a source."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from ingestion.preview import preview_source
from minirag.api.limits import count_request
from minirag.errors import MiniRAGError
from sources.models import Source
from tenants.console import DomainAdmin
from usage.money import usd


class PreviewPage(DomainAdmin):
    """``…/<source>/preview/``: a look ahead at its next ingest. Only a POST looks."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_preview"
        return [path("<path:object_id>/preview/", view, name=name), *super().get_urls()]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        source = self.get_object(request, unquote(object_id))
        if source is None:
            raise Http404
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Preview",
            "subtitle": source.name,
            "opts": self.opts,
            "source": source,
            "trail": self.trail(source),
        }
        if request.method == "POST":
            context |= self._looked(request, source)
        answer: HttpResponse = TemplateResponse(request, "admin/preview.html", context)
        return answer

    def _looked(self, request: HttpRequest, source: Source) -> dict[str, Any]:
        try:
            with self.acting(request, source.tenant_id) as auth:
                if verdict := count_request("chat", auth.rate_key):
                    verdict.check()
                found = preview_source(auth, source)
        except MiniRAGError as error:
            self.message_user(request, error.message, messages.ERROR)
            return {}
        return {"found": found, "cost": usd(found.cost_nano)}
