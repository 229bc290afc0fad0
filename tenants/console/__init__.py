"""Two admin sites over one set of scoped pages: the tenant's console and the platform's admin."""

from tenants.console.base import DomainAdmin, ScopedInline, register
from tenants.console.forms import DomainForm
from tenants.console.sites import ConsoleSite, PlatformSite, console_site

__all__ = [
    "ConsoleSite",
    "DomainAdmin",
    "DomainForm",
    "PlatformSite",
    "ScopedInline",
    "console_site",
    "register",
]
