"""Who is who: tenants, people, tokens, and the record of what they did."""

from tenants.models.base import TenantOwned
from tenants.models.people import LoginSession, Membership, Role, User
from tenants.models.records import AuditEvent, IdempotencyRecord
from tenants.models.tenant import DEFAULT_EMBEDDING_MODEL, Tenant
from tenants.models.tokens import ApiToken, TokenScope

__all__ = [
    "DEFAULT_EMBEDDING_MODEL",
    "ApiToken",
    "AuditEvent",
    "IdempotencyRecord",
    "LoginSession",
    "Membership",
    "Role",
    "Tenant",
    "TenantOwned",
    "TokenScope",
    "User",
]
