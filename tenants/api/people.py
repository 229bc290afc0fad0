"""``/users``: memberships and invitations."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.serializers import PageParams, page_of
from minirag.errors import ErrorCode
from tenants.api_base import TenantView
from tenants.models import TokenScope
from tenants.selectors import access_member, list_members
from tenants.serializers import InvitationSerializer, InviteInput, MemberSerializer, RoleInput
from tenants.services import change_role, invite, remove_member


class Users(TenantView):
    """Members of the tenant. A POST invites and returns a one-time link to hand over."""

    scopes = {"GET": TokenScope.ADMIN, "POST": TokenScope.ADMIN}
    idempotent = True
    atomic = True
    secret_fields = frozenset({"invitation_link"})
    actions = {"POST": "user.invite"}

    @extend_schema(
        operation_id="users_list",
        summary="Members and invitations, newest first",
        parameters=[PageParams],
        responses=page_of(MemberSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(list_members(self.auth), MemberSerializer)

    @extend_schema(
        operation_id="users_create",
        summary="Invite a person; the link is shown in this answer only",
        request=InviteInput,
        examples=[
            OpenApiExample(
                "An editor", {"email": "ann@example.org", "role": "editor"}, request_only=True
            )
        ],
        responses={201: InvitationSerializer},
    )
    def post(self, request: Request) -> Response:
        """The link is yours to hand over: nothing is mailed. Who has no account yet sets a password
        with it, who has one proves it by the present password.
        """
        made = invite(self.auth, **self.body(InviteInput))
        shown = InvitationSerializer(made.membership, context={"link": made.link})
        return Response(shown.data, status=201)


class UserDetail(TenantView):
    """One membership."""

    scopes = {"GET": TokenScope.ADMIN, "PATCH": TokenScope.ADMIN, "DELETE": TokenScope.ADMIN}
    path_objects = {"user_id": access_member}
    actions = {"PATCH": "user.change", "DELETE": "user.remove"}
    failures = {"PATCH": (ErrorCode.CONFLICT,), "DELETE": (ErrorCode.CONFLICT,)}

    @extend_schema(
        operation_id="users_retrieve", summary="One membership", responses=MemberSerializer
    )
    def get(self, request: Request, user_id: str) -> Response:
        return Response(MemberSerializer(self.object("user_id")).data)

    @extend_schema(
        operation_id="users_update",
        summary="Change a member's role",
        request=RoleInput,
        responses=MemberSerializer,
    )
    def patch(self, request: Request, user_id: str) -> Response:
        """Acts at the member's next request. Only owners change owners, and the last one stays."""
        data, member = self.body(RoleInput, partial=True), self.object("user_id")
        if "role" in data:
            member = change_role(self.auth, member, data["role"])
        return Response(MemberSerializer(member).data)

    @extend_schema(operation_id="users_delete", summary="Remove a member", responses={204: None})
    def delete(self, request: Request, user_id: str) -> Response:
        """Ends the membership with its logins and what its tokens may do. The last owner stays."""
        remove_member(self.auth, self.object("user_id"))
        return Response(status=204)
