"""Sites for ingests: pages of plain words, and sources of the web types."""

from __future__ import annotations

from typing import Any

from sources.models import Source
from sources.services import create_source
from tenants.scope import tenant_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant


def words(subject: str) -> str:
    """A page's own words, long enough to be content."""
    return f"Everything about {subject}. " + f"The {subject} is described here at length. " * 8


def page(site: Site, path: str, subject: str, *links: str, head: str = "") -> None:
    site.page(path, markup(subject, *links, head=head), Content_Type="text/html")


def markup(subject: str, *links: str, head: str = "") -> bytes:
    menu = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f"<html><head><title>{subject}</title>{head}</head><body><nav><ul>{menu}</ul></nav>"
        f"<main><h1>{subject}</h1><p>{words(subject)}</p></main></body></html>"
    ).encode()


def web_source(plant: Plant, kind: str, url: str, **options: Any) -> Source:
    with tenant_scope(plant.tenant.pk):
        return create_source(plant.auth, name="Site", type=kind, url=url, options=options)


def titles(plant: Plant, source: Source) -> dict[str, str]:
    """Path to title of what can be found now."""
    documents = plant.documents(source)
    return {
        key.partition(".test:")[2].partition("/")[2]: row.title
        for key, row in documents.items()
        if row.generation
    }
