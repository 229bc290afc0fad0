"""The audit record."""

from __future__ import annotations

from rest_framework import serializers

from minirag.api.moments import PeriodParams
from minirag.api.serializers import PageParams
from tenants.models import AuditEvent

_ACTOR = "The e-mail of a person, the name of a token, or the id."


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """A change, or one that was refused."""

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "created_at",
            "actor_kind",
            "actor_id",
            "actor",
            "action",
            "object_type",
            "object_id",
            "outcome",
            "detail",
            "ip",
            "request_id",
        ]


class AuditParams(PeriodParams, PageParams):
    actor = serializers.CharField(max_length=254, required=False, help_text=_ACTOR)
    action = serializers.CharField(max_length=80, required=False, help_text="As `source.create`.")
