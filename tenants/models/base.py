"""The base of every row that belongs to one tenant."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models

from tenants.scope import ScopedManager, check_owner


class Right(models.TextChoices):
    """A choice of rights that says what each of them ``may`` do, wherever one is chosen."""

    @property
    def may(self) -> str:
        """One line, in the words of the pages."""
        raise NotImplementedError

    @classmethod
    def explained(cls) -> list[tuple[str, str]]:
        """Choices for a form."""
        return [(one.value, f"{one.label}: {one.may}") for one in cls]

    @classmethod
    def description(cls) -> str:
        """For the API's document."""
        return "\n\n".join(f"{one.value}: {one.may}." for one in cls)


class TenantOwned(models.Model):
    """A tenant's row: random id, scoped manager everywhere, refused across tenants on save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No index of its own: those of a model begin with it.
    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        ordering = ["-created_at", "-id"]
        # A page of a tenant's list is read off its end, however much there is of others'.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "created_at", "id"])
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        check_owner(self)
        super().save(*args, **kwargs)
