"""Forms that are valid only when the service took them: one rule book for API and console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models

from minirag.errors import MiniRAGError

# Generic in the type stubs only.
if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm


class DomainForm(_ModelForm):
    """A model form whose last step of validation is the service itself.

    So a refusal of the service stands beside its field, and nothing is saved in another way.
    """

    saved: models.Model | None = None
    _outcome: bool | None = None

    def apply(self) -> models.Model | None:
        """Call the service and return the row; DomainAdmin binds it."""
        return None

    def is_valid(self) -> bool:
        if self._outcome is None:
            self._outcome = super().is_valid() and self._applied()
        return self._outcome

    def _applied(self) -> bool:
        try:
            self.saved = self.apply()
        except MiniRAGError as error:
            self._show(error)
            return False
        return True

    def _show(self, error: MiniRAGError) -> None:
        if not error.fields:
            self.add_error(None, error.message)
            return
        for name, texts in error.fields.items():
            for text in texts:
                known = name in self.fields
                self.add_error(name if known else None, text if known else f"{name}: {text}")

    def _post_clean(self) -> None:
        """The service judges the values, so the model's own validation is not asked twice."""


class LinesField(forms.CharField):
    """A list of strings, one per line."""

    widget = AdminTextareaWidget(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        return [line for raw in str(value or "").splitlines() if (line := raw.strip())]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))
