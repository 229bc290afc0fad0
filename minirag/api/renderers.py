"""DRF's browsable pages over our own strict serializers: no form offers another tenant's rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request

from minirag import __version__
from minirag.api.parsers import FileFormParser
from minirag.api.written import new_input, present_input

_CODE = re.compile(r"``?([^`]+)``?")


class Negotiation(DefaultContentNegotiation):
    """HTML only for a browser's session; everything else gets JSON rather than a 406."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        candidates = list(renderers)
        accept = request.META.get("HTTP_ACCEPT", "")
        if "text/html" not in accept or "HTTP_AUTHORIZATION" in request.META:
            candidates = [one for one in candidates if one.media_type != "text/html"] or candidates
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, candidates, format_suffix
            )
            return chosen
        except NotAcceptable:
            return candidates[0], candidates[0].media_type


def with_code(description: str) -> SafeString:
    """A view's description as paragraphs, what stands in backticks as code."""
    paragraphs = (
        format_html_join(
            "",
            "{}",
            (
                (format_html("<code>{}</code>", part) if place % 2 else part,)
                for place, part in enumerate(_CODE.split(" ".join(paragraph.split())))
            ),
        )
        for paragraph in description.split("\n\n")
    )
    return format_html_join("", "<p>{}</p>", ((one,) for one in paragraphs))


class BrowsableRenderer(BrowsableAPIRenderer):
    """Forms come from ``view.form_serializer(method)``, never from a queryset."""

    template = "rest_framework/api.html"

    def _form_class(self, view: Any, method: str) -> type[serializers.BaseSerializer[Any]] | None:
        finder = getattr(view, "form_serializer", None)
        return finder(method) if finder is not None else None

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        if method == "OPTIONS" or not self.show_form_for_method(view, method, request, None):
            return None
        if method == "DELETE":
            return True
        serializer_class = self._form_class(view, method)
        if serializer_class is None or not self._has_flat_form(serializer_class()):
            return None
        return self.render_form_for_serializer(serializer_class())

    @staticmethod
    def _has_flat_form(serializer: serializers.BaseSerializer[Any]) -> bool:
        """Lists and objects have no HTML inputs: those bodies are written as JSON."""
        if not isinstance(serializer, serializers.Serializer):
            return False
        nested = (
            serializers.ListField,
            serializers.DictField,
            serializers.BaseSerializer,
            serializers.JSONField,
        )
        return not any(isinstance(field, nested) for field in serializer.fields.values())

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Request) -> Any:
        form = super().get_raw_data_form(data, view, method, request)
        serializer_class = self._form_class(view, method)
        if form is None or serializer_class is None:
            return form
        if method == "PATCH":
            shown = present_input(serializer_class(), view.present_values(data))
        else:
            shown = new_input(serializer_class(), view.form_example(method))
        renderer = view.parser_classes[0].renderer_class()
        form.fields["_content"].initial = renderer.render(
            shown, "application/json", {"indent": 4}
        ).decode()
        return form

    def show_form_for_method(self, view: Any, method: str, request: Request, obj: Any) -> bool:
        allowed = getattr(view, "may_use", None)
        if allowed is not None:
            return method in view.allowed_methods and allowed(method)
        return bool(super().show_form_for_method(view, method, request, obj))

    def get_context(
        self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]
    ) -> dict[str, Any]:
        context = super().get_context(data, accepted_media_type, renderer_context)
        context["put_form"] = None
        # DRF puts its own version here.
        context["version"] = __version__
        status = context["response"].status_code
        context["no_row"] = status in (401, 403, 404)
        context["only_others"] = status == 405 and context["request"].method == "GET"
        view = context["view"]
        parsers = getattr(view, "parser_classes", ())
        context["takes_files"] = list(parsers) == [FileFormParser]
        context["about"] = context["description"] and with_code(view.get_view_description())
        return context
