"""What the demo ingests, and what it can be asked.

Three sources: the handbook and the website of Havelock Cycles, an invented company, and MiniRAG's
own documentation from the repository's ``docs`` folder. The questions serve three readers: the
start page (``SUGGESTED_QUESTIONS``), and the tests (``GOLDEN``, ``UNANSWERABLE``).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
DOCUMENTS_DIR = _HERE / "documents"
DOCS_DIR = _HERE.parents[1] / "docs"

# Kept here since the machine's own MIME table may be missing or say otherwise.
_MIME_TYPES = {
    ".md": "text/markdown",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file of a source. ``key`` is the document's key, unique in the whole demo."""

    key: str
    path: Path

    @property
    def mime_type(self) -> str:
        known = _MIME_TYPES.get(self.path.suffix)
        return known or mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source of the demo: every file with a known suffix below ``folder``."""

    name: str
    folder: Path

    def files(self) -> tuple[DemoFile, ...]:
        """In the order of their paths; empty where the folder was not shipped."""
        return tuple(self._files())

    def _files(self) -> Iterator[DemoFile]:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix in _MIME_TYPES:
                yield DemoFile(key=path.name, path=path)


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """``answer`` is part of the right answer's text, and of document ``document_key``."""

    question: str
    answer: str
    document_key: str


@dataclass(frozen=True, slots=True)
class UnanswerableQuestion:
    """``near`` when the words occur in the documents though the answer does not."""

    question: str
    near: bool = False


BOT_NAME = "Havelock help desk"
WELCOME_MESSAGE = (
    "Hello! Ask me about Havelock Cycles, an invented maker of cargo bikes, "
    "or about MiniRAG itself. Every answer shows where it stands."
)

SOURCES = (
    DemoSource("Company handbook", DOCUMENTS_DIR / "handbook"),
    DemoSource("Product and service", DOCUMENTS_DIR / "product"),
    DemoSource("MiniRAG documentation", DOCS_DIR),
)

# One per format (Markdown, HTML, PDF, DOCX), one that asks for two facts, one about MiniRAG.
SUGGESTED_QUESTIONS = (
    "How many days of annual leave do full-time employees get?",
    "How long is the warranty on the frame?",
    "What does error code E14 mean?",
    "How much may a hotel in London cost?",
    "How much does the Otter weigh and how much can its box carry?",
    "Why does MiniRAG not use django-cryptography?",
)

GOLDEN = (
    GoldenQuestion(
        "How many days of annual leave do full-time employees get?",
        "28 days of paid annual leave",
        "people-and-leave.md",
    ),
    GoldenQuestion(
        "How much does Havelock contribute to the pension?",
        "7 percent of your salary",
        "people-and-leave.md",
    ),
    GoldenQuestion(
        "How long is the sabbatical after seven years of service?",
        "up to three months",
        "people-and-leave.md",
    ),
    GoldenQuestion(
        "When was Havelock Cycles founded and by whom?",
        "Ines Havelock and Tom Adeyemi",
        "welcome-and-onboarding.md",
    ),
    GoldenQuestion(
        "How many months does probation last for a new employee?",
        "four months",
        "welcome-and-onboarding.md",
    ),
    GoldenQuestion(
        "On how many days a week may office roles work from home?",
        "up to two days a week",
        "remote-work.md",
    ),
    GoldenQuestion(
        "How high is the home office allowance for a desk and a chair?",
        "£350",
        "remote-work.md",
    ),
    GoldenQuestion(
        "How many characters must a password have?",
        "at least 14 characters",
        "it-and-security.md",
    ),
    GoldenQuestion(
        "How soon must a lost laptop be reported to the help desk?",
        "within one hour",
        "it-and-security.md",
    ),
    GoldenQuestion(
        "Who is the data protection officer of Havelock?",
        "Maren Visser",
        "data-protection.md",
    ),
    GoldenQuestion(
        "After how many days are recordings of support calls deleted?",
        "60 days",
        "data-protection.md",
    ),
    GoldenQuestion(
        "How fast is the first response to a SEV1 incident?",
        "within 15 minutes",
        "incident-process.md",
    ),
    GoldenQuestion(
        "Above how many decibels must hearing protection be worn?",
        "85 decibels",
        "workshop-safety.md",
    ),
    GoldenQuestion(
        "Where is the assembly point in Bristol?",
        "bicycle park by the swing bridge",
        "workshop-safety.md",
    ),
    GoldenQuestion(
        "What is a hub gear?",
        "a gearbox inside the rear wheel",
        "glossary.md",
    ),
    GoldenQuestion(
        "How much may a hotel in London cost?",
        "£175 per night",
        "expenses-and-travel.docx",
    ),
    GoldenQuestion(
        "What is the mileage allowance for a private car?",
        "45 pence per mile",
        "expenses-and-travel.docx",
    ),
    GoldenQuestion(
        "How long is the warranty on the frame?",
        "ten years",
        "warranty-and-returns.html",
    ),
    GoldenQuestion(
        "What does the collection of a returned bike cost?",
        "£85",
        "warranty-and-returns.html",
    ),
    GoldenQuestion(
        "How much does the Otter weigh?",
        "41 kilograms",
        "products.html",
    ),
    GoldenQuestion(
        "How much can the Ox carry in its load box?",
        "180 kilograms",
        "products.html",
    ),
    GoldenQuestion(
        "How long does a test ride last?",
        "45 minutes",
        "support-faq.html",
    ),
    GoldenQuestion(
        "When is the Bristol factory shop open?",
        "10:00 and 18:00",
        "shops-and-opening-hours.html",
    ),
    GoldenQuestion(
        "How much does leasing an Ox cost over 36 months?",
        "£264 a month",
        "fleet-and-leasing.md",
    ),
    GoldenQuestion(
        "What does error code E14 mean?",
        "cells of the battery are out of balance",
        "service-manual.pdf",
    ),
    GoldenQuestion(
        "To how many newton metres is the rear axle nut tightened?",
        "42 newton metres",
        "service-manual.pdf",
    ),
    GoldenQuestion(
        "When must brake pads be replaced?",
        "thinner than one millimetre",
        "service-manual.pdf",
    ),
    GoldenQuestion(
        "Why does MiniRAG not use django-cryptography?",
        "fails at import on Django 5",
        "0001-encryption-field.md",
    ),
    GoldenQuestion(
        "For how long is a widget session valid?",
        "30 minutes",
        "widget-and-chat.md",
    ),
)

UNANSWERABLE = (
    UnanswerableQuestion("What is the capital of Mongolia?"),
    UnanswerableQuestion("How do I bake a sourdough bread?"),
    UnanswerableQuestion("Who won the football World Cup in 1974?"),
    UnanswerableQuestion("At what temperature does ethanol boil?"),
    UnanswerableQuestion("How many moons does Jupiter have?"),
    UnanswerableQuestion("Which medicine helps against migraine?"),
    UnanswerableQuestion("What does a Havelock motorcycle cost?", near=True),
    UnanswerableQuestion("What is the name of the managing director's dog?", near=True),
)
