"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from tenants.api import api_tokens, audit_events, auth, people, tenancy

urlpatterns = [
    path("tenants", tenancy.Tenants.as_view(), name="tenants"),
    path("tenants/me", tenancy.OwnTenant.as_view(), name="own-tenant"),
    path("auth/login", auth.Login.as_view(), name="login"),
    path("auth/refresh", auth.Refresh.as_view(), name="refresh"),
    path("auth/logout", auth.Logout.as_view(), name="logout"),
    path("auth/me", auth.Me.as_view(), name="me"),
    path("auth/password", auth.Password.as_view(), name="password"),
    path("auth/accept-invitation", auth.AcceptInvitation.as_view(), name="accept-invitation"),
    path("users", people.Users.as_view(), name="users"),
    path("users/<str:user_id>", people.UserDetail.as_view(), name="user"),
    path("api-tokens", api_tokens.ApiTokens.as_view(), name="api-tokens"),
    path("api-tokens/<str:token_id>", api_tokens.ApiTokenDetail.as_view(), name="api-token"),
    path("audit-events", audit_events.AuditEvents.as_view(), name="audit-events"),
]
