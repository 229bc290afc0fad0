"""Where every page and call lives."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path

from minirag import health, pages
from minirag.api.errors import unknown_path

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("console/", include("tenants.console.urls")),
    path("chat/", include("chat.page_urls")),
    path("v1/", include("tenants.urls")),
    path("v1/", include("sources.urls")),
    path("v1/", include("bots.urls")),
    path("v1/", include("ingestion.urls")),
    path("v1/", include("chat.urls")),
    path("v1/", include("usage.urls")),
    path("widget/v1/", include("chat.widget_urls")),
    path("v1/", include("minirag.api.urls")),
    # Last: whatever no view has below the API is a JSON 404, also under DEBUG.
    re_path(r"^(?:v1|openai|widget|mcp)(?:/|$)", unknown_path),
]

handler400 = "minirag.api.errors.handler400"
handler403 = "minirag.api.errors.handler403"
handler404 = "minirag.api.errors.handler404"
handler500 = "minirag.api.errors.handler500"
