"""The base of every endpoint below ``/v1``: who, on what, may they, how often, and only then what.

Order of refusals: authentication (401), request limit (429), objects in the path (404), method
(405), scope (403), then the body. The limit counts every authenticated request, failed ones too.
Write path ids as ``<str:source_id>``: a malformed id is then a 404 behind the 401, as the contract
says, and not a route that does not exist.
"""

from tenants.api_base.asynchronous import AsyncTenantView
from tenants.api_base.public import PublicView
from tenants.api_base.view import TenantView, parse_id

__all__ = ["AsyncTenantView", "PublicView", "TenantView", "parse_id"]
