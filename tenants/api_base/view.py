"""The synchronous tenant view, and the checks that both kinds share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.context import info_of
from minirag.api.errors import error_body, known_error
from minirag.api.limits import Verdict, count_request
from minirag.errors import BadRequest, ErrorCode, Forbidden, NotFound, Unauthenticated
from tenants import audit, idempotency
from tenants.api_base.reading import ReadingView
from tenants.context import ActorKind, AuthContext
from tenants.models import TokenScope
from tenants.permissions import allows
from tenants.scope import tenant_scope

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_SAFE = ("GET", "HEAD")
# Refusals of a mutating call that leave an audit row; the rest is noise a client makes alone.
_AUDITED = {
    ErrorCode.FORBIDDEN,
    ErrorCode.ORIGIN_REFUSED,
    ErrorCode.NOT_FOUND,
    ErrorCode.CONFLICT,
    ErrorCode.QUOTA_EXCEEDED,
    ErrorCode.ADDRESS_REFUSED,
}
# One address may hold several visitors (an office), but not any number of invented ones.
_VISITORS_PER_ADDRESS = 5


def parse_id(value: object) -> UUID:
    """A path id in its canonical form. Raises ``NotFound``."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise NotFound()
    return UUID(value)


class TenantView(ReadingView):
    """An endpoint inside one tenant. Handlers run with the tenant's scope open."""

    scopes: ClassVar[Mapping[str, TokenScope]] = {}
    path_objects: ClassVar[Mapping[str, Callable[[AuthContext, UUID], Any]]] = {}
    # Path parts that name no object, only a place inside one (the number of a citation).
    path_values: ClassVar[frozenset[str]] = frozenset()
    rate: ClassVar[str] = "api"
    # POSTs that create or cost honour Idempotency-Key.
    idempotent: ClassVar[bool] = False
    # With a key, run the handler and keep its answer in one transaction: exactly once even over a
    # crash. Only for handlers that touch nothing but the database, and briefly.
    atomic: ClassVar[bool] = False
    # Names of fields shown once, which a replayed answer leaves out.
    secret_fields: ClassVar[frozenset[str]] = frozenset()
    widget_allowed: ClassVar[bool] = False
    # Method to audit action, for refusals; by default like "POST v1/sources".
    actions: ClassVar[Mapping[str, str]] = {}
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    _verdict: Verdict | None = None
    _run: idempotency.Run | None = None
    _objects: dict[str, Any]

    def object(self, kwarg: str) -> Any:
        """The path object of ``kwarg``, already checked against the credential."""
        return self._objects[kwarg]

    def remember_message(self, message_id: UUID) -> None:
        """A repeat of this idempotent call attaches to the streamed message."""
        if self._run is not None:
            self._run.attach(message_id)

    def replay_message(self, message_id: UUID) -> Any:
        """The answer to a repeat of a streamed call: streaming views override this."""
        raise BadRequest("The first answer was a stream and cannot be given again.")

    def may_use(self, method: str) -> bool:
        """Whether the credential may use ``method`` here."""
        return hasattr(self, "auth") and allows(self, method, self.auth)

    # --- before the handler --------------------------------------------------------------------

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Everything that is checked before the handler runs."""
        self._objects = {}
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request
        )
        if not isinstance(request.auth, AuthContext):
            raise Unauthenticated()
        self.auth = request.auth
        self._limit()
        with tenant_scope(self.auth.tenant_id):
            for kwarg, access in self.path_objects.items():
                if kwarg in kwargs:
                    self._objects[kwarg] = access(self.auth, parse_id(kwargs[kwarg]))
        if request.method not in self.allowed_methods:
            raise exceptions.MethodNotAllowed(str(request.method))
        if not self.may_use(request.method):
            raise Forbidden()
        if request.method not in _SAFE:
            self.refuse_unread_params()

    def _limit(self) -> None:
        policy = "widget" if self.auth.kind is ActorKind.WIDGET else self.rate
        self._verdict = count_request(policy, self.auth.rate_key)
        if self._verdict:
            self._verdict.check()
        if policy == "widget" and self.auth.ip:
            by_address = count_request(policy, f"ip:{self.auth.ip}", times=_VISITORS_PER_ADDRESS)
            if by_address:
                by_address.check()

    # --- idempotency ---------------------------------------------------------------------------

    def begin_run(self) -> idempotency.Replay | None:
        """Take the request's key, if it has one, or find what was answered before."""
        key = self.request.META.get("HTTP_IDEMPOTENCY_KEY")
        if key is None or not self.idempotent or self.request.method != "POST":
            return None
        found = idempotency.begin(
            self.auth.tenant_id,
            self._own_key(idempotency.valid_key(key)),
            f"{self.request.method} {self.request.path}"[:200],
            idempotency.body_digest(self.request.data),
        )
        if isinstance(found, idempotency.Replay):
            return found
        self._run = found
        return None

    def _own_key(self, key: str) -> str:
        """Keys are the tenant's; of strangers on its site, each has a set of their own."""
        if self.auth.widget is None:
            return key
        return hashlib.sha256(f"{self.auth.widget.visitor_id} {key}".encode()).hexdigest()

    def keep_run(self, response: HttpResponseBase) -> None:
        """Keep the answer for a repeat; of a stream, its message was kept already."""
        if self._run is not None and isinstance(response, Response):
            body = json.loads(JSONRenderer().render(response.data) or b"null")
            self._run.keep(response.status_code, idempotency.without(body, self.secret_fields))

    def fail_run(self, exc: Exception) -> None:
        """Keep or forget the failure, by what kind it is."""
        if self._run is not None:
            request_id = info_of(self.request).request_id
            error = known_error(exc, request_id)
            self._run.keep_error(error, error_body(error, request_id))

    @staticmethod
    def replayed(replay: idempotency.Replay) -> Response:
        headers = {"Idempotent-Replayed": "true"}
        return Response(replay.body, status=replay.status, headers=headers)

    def _unit(self) -> AbstractContextManager[Any]:
        return transaction.atomic() if self._run is not None and self.atomic else nullcontext()

    # --- around the handler --------------------------------------------------------------------

    def handler(self) -> Any:
        return getattr(self, str(self.request.method).lower())

    def _answer(self, args: Any, kwargs: Any) -> HttpResponseBase:
        replay = self.begin_run()
        if replay is not None:
            if replay.body is None and replay.message_id is not None:
                again: HttpResponseBase = self.replay_message(replay.message_id)
                return again
            return self.replayed(replay)
        try:
            with self._unit():
                response: HttpResponseBase = self.handler()(self.request, *args, **kwargs)
                self.keep_run(response)
        except Exception as exc:
            self.fail_run(exc)
            raise
        return response

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(self.request, *args, **kwargs)
            with tenant_scope(self.auth.tenant_id):
                response = self._answer(args, kwargs)
                if request.method in _SAFE:
                    self.refuse_unread_params()
        except Exception as exc:  # noqa: BLE001  (the edge: DRF's own hook renders it)
            response = self.handle_exception(exc)
        return self.finish(response)

    def handle_exception(self, exc: Exception) -> Response:
        if not hasattr(self.request, "_user"):
            self.request._not_authenticated()  # type: ignore[attr-defined]
        if hasattr(self, "auth") and self.request.method not in _SAFE:
            self._audit_refusal(exc)
        return super().handle_exception(exc)

    def _audit_refusal(self, exc: Exception) -> None:
        code = getattr(exc, "code", None)
        if code not in _AUDITED:
            return
        method = str(self.request.method)
        match = self.request.resolver_match
        action = self.actions.get(method) or f"{method} {match.route if match else ''}"
        with tenant_scope(self.auth.tenant_id):
            audit.record(self.auth, action, detail={"path": self.request.path}, outcome=str(code))

    def finish(self, response: HttpResponseBase) -> HttpResponseBase:
        """Headers, and the rendering inside the scope: browsable pages read rows too."""
        if self._verdict is not None:
            self.headers.update(self._verdict.headers())
        # DRF takes any HttpResponseBase; its stubs know one kind only.
        response = self.finalize_response(self.request, response, *self.args, **self.kwargs)  # type: ignore[arg-type]
        self.response = response
        if isinstance(response, Response):
            with tenant_scope(self.auth.tenant_id) if hasattr(self, "auth") else nullcontext():
                response.render()
        return response
