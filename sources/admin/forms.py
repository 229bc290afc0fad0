"""The form of a source: options are fields of their own, never JSON."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile

from minirag.errors import MiniRAGError
from sources.models import Source
from sources.options import PASSWORD, RULES, effective
from tenants.console import DomainForm


def option_field(name: str) -> str:
    """The form's name of an option. What is not pruned is kept, which is what a box can say."""
    return "option_keep" if name == "prune" else f"option_{name}"


class LinesField(forms.CharField):
    """A list of strings, one per line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        return [line for raw in str(value or "").splitlines() if (line := raw.strip())]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files in one field; cleans to a list."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [cast(UploadedFile, super(ManyFilesField, self).clean(one)) for one in given]


class SourceForm(DomainForm):
    uploads = ManyFilesField(
        required=False,
        help_text="For type file: one or several, zip archives too. The same name replaces.",
    )
    ingest_now = forms.BooleanField(
        required=False, initial=True, help_text="Start reading it as soon as this is saved."
    )
    option_include = LinesField(
        required=False,
        label="Include",
        help_text="One pattern per line, such as /docs/*. Empty takes every page. "
        "For types sitemap and crawl.",
    )
    option_exclude = LinesField(
        required=False, label="Exclude", help_text="Pages that are never taken, such as /tag/*."
    )
    option_depth = forms.IntegerField(
        required=False,
        label="Depth",
        help_text="For type crawl: links from the first page to the last. Empty: the default.",
    )
    option_max_pages = forms.IntegerField(
        required=False, label="Most pages", help_text="Empty: the default."
    )
    option_other_sites = forms.BooleanField(
        required=False,
        label="Other sites",
        help_text="For type sitemap: take pages of other hosts that it names.",
    )
    option_keep = forms.BooleanField(
        required=False,
        label="Keep what is gone",
        help_text="Pages that left the site, and files that a newer archive no longer holds, "
        "go on answering.",
    )
    option_password = forms.CharField(
        required=False,
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For files that need one. Kept encrypted; never shown again.",
    )
    option_clear_password = forms.BooleanField(required=False, label="Forget the password")

    class Meta:
        model = Source
        fields = ("name", "type", "content", "url", "refresh", "metadata")
        help_texts = {
            "content": "For type text: the text itself.",
            "url": "For types url, sitemap and crawl: a public http or https address.",
            "refresh": "For types url, sitemap and crawl: how often it is read again by itself.",
            "metadata": "A flat JSON object; it comes back with every hit.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.type:
            for name, value in effective(self.instance).items():
                self.initial[option_field(name)] = not value if name == "prune" else value
        if "refresh" in self.fields:
            self.fields["refresh"].required = False

    def _show(self, error: MiniRAGError) -> None:
        """The service names ``options.depth``, the form has ``option_depth``."""
        fields = {
            option_field(name.removeprefix("options."))
            if name.startswith("options.")
            else name: texts
            for name, texts in (error.fields or {}).items()
        }
        super()._show(MiniRAGError(error.message, code=error.code, fields=fields))


def _of_form(name: str) -> str:
    start, _, option = name.partition(".")
    return option_field(option) if start == "options" and option else name


def option_changes(form: DomainForm) -> dict[str, Any]:
    """Options that somebody changed on the form; an emptied one goes back to its default."""
    changes = {
        name: _given(form.cleaned_data[option_field(name)])
        for name in RULES
        if name != PASSWORD and option_field(name) in form.changed_data
    }
    if "prune" in changes:
        changes["prune"] = not changes["prune"]
    if form.cleaned_data.get(option_field("clear_password")):
        changes[PASSWORD] = None
    elif password := form.cleaned_data.get(option_field(PASSWORD)):
        changes[PASSWORD] = password
    return changes


def _given(value: Any) -> Any:
    return None if value in ("", None, []) else value


# All of them, in the order of the form.
OPTION_FIELDS = tuple(option_field(name) for name in RULES)
