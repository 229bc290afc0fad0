"""The form of a source: options are fields of their own, never JSON."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import Script

from minirag.errors import MiniRAGError
from sources.models import Source, SourceType
from sources.options import PASSWORD, RULES, effective
from tenants.console import DomainForm, LinesField


def option_field(name: str) -> str:
    """The form's name of an option. What is not pruned is kept, which is what a box can say."""
    return "option_keep" if name == "prune" else f"option_{name}"


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files in one field; cleans to a list.

    An empty one fails alone when it is read, as any other that cannot be: the others are kept.
    """

    widget = ManyFilesInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [cast(UploadedFile, super(ManyFilesField, self).clean(one)) for one in given]


# The types, as people know them.
TYPES: dict[str, str] = {
    SourceType.TEXT: "Text",
    SourceType.FILE: "Files",
    SourceType.URL: "Web page",
    SourceType.SITEMAP: "Sitemap",
    SourceType.CRAWL: "Web site",
}
_CHOICES = (
    ("", "Choose one"),
    (SourceType.TEXT, "Text, written here"),
    (SourceType.FILE, "Files, zip archives too"),
    (SourceType.URL, "Web page, one address"),
    (SourceType.SITEMAP, "Sitemap, every page that it lists"),
    (SourceType.CRAWL, "Web site, by following its links"),
)


class SourceForm(DomainForm):
    uploads = ManyFilesField(
        required=False,
        label="Files",
        help_text="One or several, zip archives too. A file of the same name replaces the old one.",
    )
    ingest_now = forms.BooleanField(
        required=False,
        initial=True,
        label="Read it now",
        help_text="Starts as soon as this is saved.",
    )
    option_include = LinesField(
        required=False,
        label="Include",
        help_text="One pattern per line, such as /docs/*. Empty takes every page.",
    )
    option_exclude = LinesField(
        required=False, label="Exclude", help_text="Pages that are never taken, such as /tag/*."
    )
    option_depth = forms.IntegerField(
        required=False,
        label="Depth",
        help_text="How many links away from the first page. Empty: the default.",
    )
    option_max_pages = forms.IntegerField(
        required=False, label="Most pages", help_text="Empty: the default."
    )
    option_other_sites = forms.BooleanField(
        required=False,
        label="Other sites",
        help_text="Take pages of other hosts that the sitemap names.",
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
            "content": "The text itself.",
            "url": "A public http or https address; of a sitemap, the address of its XML file.",
            "refresh": "How often it is read again by itself.",
            "metadata": 'A flat JSON object, such as {"team": "sales"}. '
            "It comes back with every passage that is found.",
        }
        labels = {"url": "Address"}
        widgets = {"metadata": AdminTextareaWidget(attrs={"rows": 2})}

    class Media:
        js = (Script("minirag/source_form.js", type="module"),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.type:
            for name, value in effective(self.instance).items():
                self.initial[option_field(name)] = not value if name == "prune" else value
        if "type" in self.fields:
            cast(forms.ChoiceField, self.fields["type"]).choices = _CHOICES
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
