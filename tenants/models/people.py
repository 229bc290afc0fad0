"""People: a user signs in by e-mail and belongs to tenants by membership."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from tenants.models.base import Right, TenantOwned


class Role(Right):
    """What a member may do; each holds all that stand below it."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        return {"viewer": 1, "editor": 2, "admin": 3, "owner": 4}[self.value]

    @property
    def may(self) -> str:
        return {
            "owner": "all that an admin may, and make or remove owners",
            "admin": "all that an editor may, and manage people, API tokens, the keys of bots, "
            "tenant settings, and read the audit record",
            "editor": "all that a viewer may, and change sources and bots, and start jobs",
            "viewer": "ask questions and search; see sources, bots, jobs, chats and usage",
        }[self.value]


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail; an e-mail is compared without case."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.clean_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.clean_email(username or ""))

    @staticmethod
    def clean_email(email: str) -> str:
        return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Global: what a person may do hangs on the memberships."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True, max_length=254)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField("platform operator", default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = "account"
        ordering = ["email"]

    def __str__(self) -> str:
        return self.email


class Membership(TenantOwned):
    """A user's place in a tenant. Pending until the invitation's link was used."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    accepted_at = models.DateTimeField(null=True, blank=True)
    invite_digest = models.CharField(max_length=64, blank=True, editable=False)
    invite_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class LoginSession(TenantOwned):
    """One login that handed out JWTs. Revoking it ends its access and refresh tokens at once.

    A refresh token is good for one use: ``refresh_id`` is the one that is out (null for a login
    from before tokens were counted), ``spent_id`` the last one used, at ``rotated_at``.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_sessions")
    refresh_id = models.UUIDField(null=True, default=uuid.uuid4, editable=False)
    spent_id = models.UUIDField(null=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        pass

    def __str__(self) -> str:
        return f"login of {self.user_id}"
