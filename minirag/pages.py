"""The start page: what this is, and where to go."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from minirag import __version__, gates
from minirag.demo.manifest import SUGGESTED_QUESTIONS
from minirag.demo.state import read_state


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The start page; with a demo in this data folder it leads to the demo's chat."""
    state = read_state()
    return render(
        request,
        "pages/home.html",
        {
            "version": __version__,
            "waiting": gates.waiting().values(),
            "chat_url": f"/chat/{state['widget_public_id']}/" if state else None,
            "questions": SUGGESTED_QUESTIONS if state else (),
        },
    )
