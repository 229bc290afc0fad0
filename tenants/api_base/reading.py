"""What handlers read: body, query string, pages; and what the browsable forms are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from minirag.api.errors import flatten
from minirag.api.pagination import DEFAULT_LIMIT, paginate
from minirag.api.parsers import StrictJSONParser
from minirag.api.serializers import NoParams, PageParams
from minirag.errors import ErrorCode, Invalid
from tenants.context import AuthContext

SerializerClass = type[serializers.BaseSerializer[Any]]
_PAGE_PARAMS = ("limit", "cursor")


class ReadingView(APIView):
    """Strict reading of requests. Knows nothing yet about who may do what."""

    # Method to input serializer of the browsable form; by default what extend_schema says.
    forms: ClassVar[Mapping[str, SerializerClass]] = {}
    # Method to what it may end in, beside what every operation may: for the OpenAPI document.
    failures: ClassVar[Mapping[str, tuple[ErrorCode, ...]]] = {}

    request: Request
    auth: AuthContext
    _params_read = False
    _page_read = False

    def body(
        self, serializer_class: type[serializers.Serializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """The validated body. Raises ``Invalid``, ``BadRequest``, ``TooLarge``, or DRF's 415."""
        return self._validated(serializer_class, self.request.data, partial=partial)

    def params(self, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated query string; unknown names are refused, ``limit`` and ``cursor`` where
        the handler makes no ``page``.
        """
        self._params_read = True
        query: QueryDict = self.request.query_params.copy()
        if issubclass(serializer_class, PageParams):
            self._page_read = True
        else:
            for name in _PAGE_PARAMS:
                query.pop(name, None)
        return self._validated(serializer_class, query)

    def page(self, rows: QuerySet[Any], serializer_class: SerializerClass) -> Response:
        """One cursor page of an ordered queryset, newest first unless it is ordered otherwise."""
        self._page_read = True
        if not self._params_read:
            self.params(PageParams)
        query = QueryDict(mutable=True)
        for name in _PAGE_PARAMS:
            if name in self.request.query_params:
                query.setlist(name, self.request.query_params.getlist(name))
        wanted = self._validated(PageParams, query)
        found = paginate(
            self.request._request,
            rows,
            limit=wanted.get("limit", DEFAULT_LIMIT),
            cursor=wanted.get("cursor"),
        )
        shown = serializer_class(found.rows, many=True, context=self.input_context()).data
        return Response({"next": found.next, "previous": found.previous, "results": shown})

    def input_context(self) -> dict[str, Any]:
        """What serializers may look at."""
        return {"request": self.request, "view": self, "auth": self.auth}

    def _validated(
        self,
        serializer_class: type[serializers.Serializer[Any]],
        data: Any,
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        serializer = serializer_class(data=data, partial=partial, context=self.input_context())
        if not serializer.is_valid():
            raise Invalid(fields=flatten(serializer.errors))
        validated: dict[str, Any] = serializer.validated_data
        return validated

    def refuse_unread_params(self) -> None:
        """Parameters that no handler looked at are unknown ones. Raises ``Invalid``."""
        if not self._params_read:
            self.params(NoParams)
        strange = sorted(set(_PAGE_PARAMS) & set(self.request.query_params))
        if strange and not self._page_read:
            raise Invalid(fields={name: ["Unknown parameter."] for name in strange})

    def get_parsers(self) -> list[Any]:
        """Form bodies are for browsable pages: with a Bearer, JSON unless the view says more."""
        if "parser_classes" not in self._declared() and self._has_bearer:
            return [StrictJSONParser()]
        return super().get_parsers()

    _has_bearer = False

    @classmethod
    def _declared(cls) -> set[str]:
        """Attributes that a subclass of ours sets itself."""
        ours = [one for one in cls.__mro__ if issubclass(one, ReadingView)]
        return {name for one in ours for name in vars(one)}

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self._has_bearer = "HTTP_AUTHORIZATION" in request.META
        return super().initialize_request(request, *args, **kwargs)

    def form_serializer(self, method: str) -> SerializerClass | None:
        """The input serializer behind the browsable form of ``method``."""
        if method in self.forms:
            return self.forms[method]
        schema = self._schema_of(method)
        if schema is None:
            return None
        found = schema.get_request_serializer()
        if isinstance(found, serializers.BaseSerializer):
            found = type(found)
        is_class = isinstance(found, type) and issubclass(found, serializers.Serializer)
        return found if is_class else None

    def form_example(self, method: str) -> Mapping[str, Any]:
        """The body that the OpenAPI document gives as the example of ``method``."""
        schema = self._schema_of(method)
        examples = schema.get_examples() if schema is not None else []
        found = (one.value for one in examples if one.request_only)
        value = next(found, None)
        return value if isinstance(value, Mapping) else {}

    def present_values(self, data: Any) -> Mapping[str, Any]:
        """The row that the page shows, for the form that changes it."""
        return data if isinstance(data, Mapping) else {}

    def _schema_of(self, method: str) -> Any:
        handler = getattr(self, method.lower(), None)
        schema_class = getattr(handler, "kwargs", {}).get("schema")
        if schema_class is None:
            return None
        schema = schema_class()
        schema.view, schema.method, schema.path = self, method, ""
        return schema
