"""What the resources of this app look like outside."""

from tenants.serializers.audit_events import (
    AuditEventSerializer,
    AuditParams,
)
from tenants.serializers.logins import (
    AcceptInput,
    LoginInput,
    MeSerializer,
    PasswordInput,
    RefreshInput,
    TokenPairSerializer,
)
from tenants.serializers.people import (
    ApiTokenInput,
    ApiTokenSerializer,
    InvitationSerializer,
    InviteInput,
    MemberSerializer,
    NewApiTokenSerializer,
    RoleInput,
)
from tenants.serializers.tenancy import (
    NewTenantSerializer,
    TenantChange,
    TenantCreate,
    TenantSerializer,
    credentials_hint,
)

__all__ = [
    "AcceptInput",
    "ApiTokenInput",
    "ApiTokenSerializer",
    "AuditEventSerializer",
    "AuditParams",
    "InvitationSerializer",
    "InviteInput",
    "LoginInput",
    "MeSerializer",
    "MemberSerializer",
    "NewApiTokenSerializer",
    "NewTenantSerializer",
    "PasswordInput",
    "RefreshInput",
    "RoleInput",
    "TenantChange",
    "TenantCreate",
    "TenantSerializer",
    "TokenPairSerializer",
    "credentials_hint",
]
