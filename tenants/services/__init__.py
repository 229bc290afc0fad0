"""Writes of people, tokens and tenants. Each one is checked, audited and whole."""

from tenants.services.api_tokens import NewToken, create_api_token, revoke_api_token
from tenants.services.invitations import Invitation, accept_invitation, invite
from tenants.services.logins import (
    change_password,
    end_logins,
    log_in,
    log_out,
    refresh_login,
)
from tenants.services.members import change_role, remove_member
from tenants.services.tenancy import (
    NewTenant,
    create_tenant,
    resume_tenant,
    set_embedding,
    set_limits,
    suspend_tenant,
    update_tenant,
)

__all__ = [
    "Invitation",
    "NewTenant",
    "NewToken",
    "accept_invitation",
    "change_password",
    "change_role",
    "create_api_token",
    "create_tenant",
    "end_logins",
    "invite",
    "log_in",
    "log_out",
    "refresh_login",
    "remove_member",
    "resume_tenant",
    "revoke_api_token",
    "set_embedding",
    "set_limits",
    "suspend_tenant",
    "update_tenant",
]
