"""Search without an answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from bots.selectors import access_bot, live_source_ids
from chat.payloads import hit_data
from chat.retrieval import retrieve
from chat.serializers import SearchInput, SearchOutput
from minirag.errors import ErrorCode, NotFound
from sources.models import Source
from tenants.api_base import TenantView
from tenants.models import Tenant, TokenScope

_DEFAULT_TOP_K = 5

# What asking a model, or the index, may end in.
MODEL_FAILURES = (
    ErrorCode.QUOTA_EXCEEDED,
    ErrorCode.PROVIDER_MISCONFIGURED,
    ErrorCode.PROVIDER_REJECTED,
    ErrorCode.PROVIDER_UNAVAILABLE,
    ErrorCode.RETRIEVAL_UNAVAILABLE,
)


class SearchView(TenantView):
    """Hybrid search in a bot's sources, or in those named."""

    scopes = {"POST": TokenScope.READ}
    idempotent = True
    actions = {"POST": "search"}
    failures = {"POST": (ErrorCode.NOT_FOUND, *MODEL_FAILURES)}

    @extend_schema(
        operation_id="search",
        summary="Passages for a query, best first",
        request=SearchInput,
        examples=[
            OpenApiExample(
                "In a bot's sources",
                {
                    "query": "fuel receipts",
                    "bot_profile_id": "6f1c2f1e-0d0b-4c43-9f55-0f6e1f0f2d11",
                },
                request_only=True,
            )
        ],
        responses=SearchOutput,
    )
    def post(self, request: Request) -> Response:
        data = self.body(SearchInput)
        bot = access_bot(self.auth, data["bot_profile_id"]) if "bot_profile_id" in data else None
        sources = live_source_ids(bot) if bot else self._sources(data["source_ids"])
        found = retrieve(
            Tenant.objects.get(pk=self.auth.tenant_id),
            sources,
            data["query"],
            data.get("top_k") or (bot.top_k if bot else _DEFAULT_TOP_K),
            bot_profile_id=bot.pk if bot else None,
        )
        hits: list[dict[str, Any]] = [hit_data(passage, text=True) for passage in found.passages]
        return Response({"hits": hits, "embedding_model": found.embedding_model})

    def _sources(self, wanted: list[UUID]) -> list[UUID]:
        """Raises ``NotFound`` where any is not the tenant's, deleted, or not there."""
        live = Source.objects.filter(pk__in=wanted, deleted_at__isnull=True)
        if live.count() != len(set(wanted)):
            raise NotFound
        return list(dict.fromkeys(wanted))
