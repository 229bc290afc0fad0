"""The base of the few endpoints that ask for no credential: logins, sign-up, invitations."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.context import info_of
from minirag.api.limits import Verdict, count_request
from tenants.api_base.reading import ReadingView


class PublicView(ReadingView):
    """Strict reading, JSON only, counted by address. Handlers open a scope themselves."""

    authentication_classes = []
    permission_classes = []
    # Told apart from a view whose author forgot: see tenants.checks.
    public: ClassVar[bool] = True
    rate: ClassVar[str] = "api"
    http_method_names = ["get", "post", "head"]
    auth = None  # type: ignore[assignment]

    _verdict: Verdict | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._verdict = count_request(self.rate, f"public:{info_of(request).ip}")
        if self._verdict:
            self._verdict.check()
        self.refuse_unread_params()

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        if self._verdict is not None:
            self.headers.update(self._verdict.headers())
        return super().finalize_response(request, response, *args, **kwargs)
