"""This app's routes, and the API's own description."""

from __future__ import annotations

from django.urls import include, path, re_path

from minirag.api import errors
from tenants.console.views import invitation

urlpatterns = [
    path("v1/", include("minirag.api.urls")),
    path("v1/", include("tenants.urls")),
    path("console/invitation/<str:raw>", invitation),
    re_path(r"^(?:v1|openai|widget)(?:/|$)", errors.unknown_path),
]
handler400 = "minirag.api.errors.handler400"
handler403 = "minirag.api.errors.handler403"
handler404 = "minirag.api.errors.handler404"
handler500 = "minirag.api.errors.handler500"
