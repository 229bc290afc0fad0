"""The acting credential, as every service and selector gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tenants.models.people import Role
from tenants.models.tokens import TokenScope


class ActorKind(StrEnum):
    TOKEN = "token"  # noqa: S105  (a kind, not a secret)
    USER = "user"
    WIDGET = "widget"
    SYSTEM = "system"


_IMPLIED: dict[str, frozenset[TokenScope]] = {
    TokenScope.READ: frozenset({TokenScope.READ}),
    TokenScope.WRITE: frozenset({TokenScope.READ, TokenScope.WRITE}),
    TokenScope.ADMIN: frozenset({TokenScope.READ, TokenScope.WRITE, TokenScope.ADMIN}),
    TokenScope.CHAT: frozenset({TokenScope.CHAT}),
}
_ROLE_SCOPES: dict[str, frozenset[TokenScope]] = {
    Role.VIEWER: frozenset({TokenScope.READ, TokenScope.CHAT}),
    Role.EDITOR: frozenset({TokenScope.READ, TokenScope.WRITE, TokenScope.CHAT}),
    Role.ADMIN: frozenset(TokenScope),
    Role.OWNER: frozenset(TokenScope),
}


def expand_scopes(granted: list[str]) -> frozenset[TokenScope]:
    """A token's scopes with those they imply."""
    return frozenset().union(*(_IMPLIED.get(scope, frozenset()) for scope in granted))


def role_scopes(role: str) -> frozenset[TokenScope]:
    """What a role may do, in terms of token scopes."""
    return _ROLE_SCOPES.get(role, frozenset())


@dataclass(frozen=True, slots=True)
class WidgetVisitor:
    """A widget session: one bot, one visitor."""

    bot_profile_id: UUID
    visitor_id: UUID
    origin: str


@dataclass(frozen=True, slots=True)
class AuthContext:
    """Who acts, for which tenant, with which rights, from where. Holds no secret."""

    tenant_id: UUID
    kind: ActorKind
    actor_id: str
    actor: str
    scopes: frozenset[TokenScope]
    role: Role | None = None
    user_id: UUID | None = None
    widget: WidgetVisitor | None = None
    ip: str | None = None
    request_id: str = field(default="")
    # The login behind a JWT, and when the credential ends by itself.
    session_id: UUID | None = None
    expires_at: datetime | None = None

    def may(self, scope: TokenScope) -> bool:
        return scope in self.scopes

    @property
    def rate_key(self) -> str:
        """Whose requests are counted together."""
        return f"{self.kind}:{self.actor_id}"


def system_context(tenant_id: UUID, actor: str) -> AuthContext:
    """A command or task acting for the platform itself inside one tenant."""
    return AuthContext(tenant_id, ActorKind.SYSTEM, "", actor, frozenset(TokenScope), Role.OWNER)
