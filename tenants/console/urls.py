"""Paths below ``/console/``."""

from __future__ import annotations

from django.urls import path

from tenants.console import console_site
from tenants.console.views import invitation, switch

urlpatterns = [
    path("switch/", switch, name="console-switch"),
    path("invitation/<str:raw>", invitation, name="console-invitation"),
    path("", console_site.urls),
]
