"""The API's description of itself."""

from __future__ import annotations

from django.urls import path

from minirag.api.schema import SchemaView, docs

urlpatterns = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", docs, name="api-docs"),
]
