"""The platform operators' admin: all tenants, entered under a named platform scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase


class PlatformAdminSite(admin.AdminSite):
    site_header = "MiniRAG platform"
    site_title = "MiniRAG platform"
    index_title = "All tenants"
