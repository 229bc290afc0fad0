"""What every list and form of both sites says around its rows: titles, empty states, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from tenants.console.trail import Crumb, crumbs_of

# Generic in the type stubs only.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

NOTHING = "—"


def told_error(error: Mapping[str, str] | None) -> SafeString | str:
    """An error field as people read it: the sentence first, the API's code small behind it."""
    if not error:
        return NOTHING
    return format_html(
        '{} <code class="code-of">{}</code>', error.get("message", ""), error.get("code", "")
    )


def many(count: int, one: str, more: str) -> str:
    """``1 source``, ``3 sources``."""
    return f"{count} {one if count == 1 else more}"


def pill(state: str, *, active: bool = False) -> SafeString:
    """A state as a coloured word; ``active`` ones make the list look after itself."""
    kind = "active" if active else "ended"
    return format_html('<span class="job-state {} {}">{}</span>', kind, state, state)


def bar(done: int, total: int, words: str) -> SafeString:
    """Progress as a bar and in words."""
    return format_html(
        '<progress max="{}" value="{}" aria-label="progress"></progress> {}', total, done, words
    )


class PageLooks(_ModelAdmin):
    """Words of a page. Rights and writes are ``DomainAdmin``'s."""

    # For a list that holds nothing: what will stand there, and what to do next.
    empty_words: ClassVar[str] = ""
    # Above the rows: what a reader of them should know.
    list_words: ClassVar[str] = ""
    # What a deletion takes with it.
    delete_words: ClassVar[str] = ""
    # The field of the row that rows of this page belong to, for the way back.
    belongs_to: ClassVar[str] = ""
    empty_value_display = NOTHING

    def trail(self, row: Any = None) -> list[Crumb]:
        """The way back from the page of ``row``, or from one below the list."""
        return crumbs_of(self.admin_site, self.model, row)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        context["trail"] = self.trail(more.get("obj"))
        return super().render_change_form(request, context, *args, **more)

    def render_delete_form(self, request: HttpRequest, context: Any) -> Any:
        context |= {"delete_words": self.delete_words, "trail": self.trail(context["object"])}
        return super().render_delete_form(request, context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "empty_words": self.empty_words,
            "list_words": self.list_words,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def readable(self, request: HttpRequest, obj: Any, names: list[str]) -> list[str]:
        """``names`` without what only a form has, for people who may look and not change."""
        if obj is None or self.has_change_permission(request, obj):
            return names
        known = {field.name for field in self.opts.get_fields()}
        known.update(self.get_readonly_fields(request, obj))
        return [name for name in names if name in known]

    def get_action_choices(
        self, request: HttpRequest, default_choices: Any = models.BLANK_CHOICE_DASH
    ) -> Any:
        return super().get_action_choices(request, [("", "With the selected…")])
