"""Two admin sites over one set of scoped pages: the tenant's console and the platform's admin."""

from tenants.console.base import DomainAdmin, ScopedInline, register
from tenants.console.forms import DomainForm, LinesField
from tenants.console.links import link_by_id, link_to, rows_of_kind
from tenants.console.looks import NOTHING, bar, many, pill, told_error
from tenants.console.sites import ConsoleSite, PlatformSite, console_site
from tenants.console.trail import Crumb, crumbs_of

__all__ = [
    "NOTHING",
    "ConsoleSite",
    "Crumb",
    "DomainAdmin",
    "DomainForm",
    "LinesField",
    "PlatformSite",
    "ScopedInline",
    "bar",
    "console_site",
    "crumbs_of",
    "link_by_id",
    "link_to",
    "many",
    "pill",
    "register",
    "rows_of_kind",
    "told_error",
]
