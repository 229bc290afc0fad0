"""App configurations of the roof."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig

from minirag import celery as _celery  # tasks are sent by our application  # noqa: F401
from minirag import checks as _checks  # registers the system checks  # noqa: F401


class MiniRAGConfig(AppConfig):
    name = "minirag"
    default = True


class AdminConfig(DjangoAdminConfig):
    """Django's admin with our site class for platform operators."""

    default = False
    default_site = "tenants.console.PlatformSite"
