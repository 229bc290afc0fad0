"""One page through the egress guard: read anew, unchanged, gone, or not to be had."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message

from django.conf import settings

from ingestion.loaders.meta_refresh import leads_on
from ingestion.parsing.decode import has_bom, web_name
from minirag.egress import NOT_FOLLOWED, Fetched, fetch
from minirag.errors import Invalid, MiniRAGError, UnreadableSource
from minirag.types import RawDocument

_ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/markdown,text/plain,*/*;q=0.5"
_MAX_ETAG, _MAX_DATE = 500, 100
_GONE = frozenset({404, 410})

Follow = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Known:
    """What is held of a page already: where it stood, its version's names, where it led."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    links: tuple[str, ...] = ()
    # Looked at already by the run that goes on now: need not be asked for again.
    fresh: bool = False

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that let the server say "as before". A date counts only where no tag is."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}


@dataclass(frozen=True, slots=True)
class Page:
    """What became of one address. Exactly one of ``raw``, ``error``, ``unchanged``, ``gone``.

    None of them: it leads somewhere that is not wanted.
    """

    key: str
    raw: RawDocument | None = None
    error: MiniRAGError | None = None
    unchanged: bool = False
    gone: bool = False
    status: int = 0
    etag: str = ""
    last_modified: str = ""
    # For crawls: the X-Robots-Tag header, and where the page leads.
    robots_tag: str = ""
    links: tuple[str, ...] = ()


def read_page(
    url: str,
    key: str,
    *,
    known: Known | None = None,
    title: str = "",
    password: str = "",
    follow: Follow | None = None,
) -> Page:
    """Fetch ``url``, with the conditions of ``known`` where there is such. Raises nothing but bugs.

    What goes wrong is the page's ``error``: ``AddressRefused`` or ``UnreadableSource``.
    """
    conditions = known.conditions if known is not None else {}
    try:
        answer = fetch_page(url, conditions, follow)
        if answer.status == 304 and known is not None and answer.url != known.url:
            # It leads somewhere else by now, and that page is as old as it says: no proof.
            answer = fetch_page(url, {}, follow)
        answer = _sent_on(answer, follow)
    except Invalid:
        return Page(key, error=UnreadableSource("The address is not valid."))
    except MiniRAGError as error:
        return Page(key, error=error)
    if answer.status == 304 and conditions:
        return Page(key, unchanged=True, status=304)
    if answer.status == NOT_FOLLOWED:
        return Page(key, status=NOT_FOLLOWED)
    if answer.status in _GONE:
        return Page(key, gone=True, status=answer.status)
    if answer.status != 200:
        return Page(key, error=refusal(answer.status), status=answer.status)
    if not answer.content:
        empty = UnreadableSource("There is no text in it: the page is empty.")
        return Page(key, error=empty, status=200)
    return _read(answer, key, title, password)


def _sent_on(answer: Fetched, follow: Follow | None) -> Fetched:
    """Where the page sends its readers, by one step of that kind; else the page itself."""
    target = leads_on(answer) if answer.status == 200 else None
    if target is None:
        return answer
    if follow is not None and not follow(target):
        return Fetched(target, NOT_FOLLOWED, {}, b"", "")
    return fetch_page(target, {}, follow)


def refusal(status: int) -> UnreadableSource:
    """The words for an answer that is no page."""
    return UnreadableSource(f"The page answered with status {status}.")


def fetch_page(url: str, conditions: dict[str, str], follow: Follow | None = None) -> Fetched:
    """GET within the settings' limits. Raises as ``minirag.egress.fetch``."""
    return fetch(
        url,
        use="source",
        max_bytes=settings.MINIRAG_FETCH_MAX_BYTES,
        deadline=settings.MINIRAG_FETCH_SECONDS,
        max_redirects=settings.MINIRAG_FETCH_REDIRECTS,
        headers={"Accept": _ACCEPT, **conditions},
        follow=follow,
    )


def _read(answer: Fetched, key: str, title: str, password: str) -> Page:
    mime_type = answer.mime_type or "text/plain"
    content = _content(answer)
    raw = RawDocument(key, content, mime_type, title, url=answer.url, password=password)
    return Page(
        key,
        raw,
        status=200,
        etag=_header(answer, "etag", _MAX_ETAG),
        last_modified=_header(answer, "last-modified", _MAX_DATE),
        robots_tag=_header(answer, "x-robots-tag", _MAX_ETAG).lower(),
    )


def _header(answer: Fetched, name: str, most: int) -> str:
    """A header that may be stored and sent back as it came; "" where it cannot."""
    value = answer.headers.get(name, "").strip()
    return value if len(value) <= most and value.isascii() and value.isprintable() else ""


def _content(page: Fetched) -> bytes:
    """The body; a charset that the server declares is applied here, since it gets lost with it."""
    charset = _charset(page.headers.get("content-type", ""))
    if not charset or not page.mime_type.startswith("text/") or has_bom(page.content):
        return page.content
    try:
        return codecs.BOM_UTF8 + page.content.decode(charset).encode("utf-8")
    except (LookupError, ValueError):
        return page.content  # a wrong declaration: the parser finds out for itself


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    charset = header.get_content_charset() or ""
    # What browsers read under that name.
    return "cp1252" if charset == "us-ascii" else web_name(charset)


def documents_of(pages: Iterable[Page]) -> Iterator[RawDocument]:
    """The documents among ``pages``. Raises the first page's error where not one could be read."""
    first: MiniRAGError | None = None
    found = False
    for page in pages:
        if page.raw is not None:
            found = True
            yield page.raw
        elif first is None:
            first = page.error or (refusal(page.status) if page.gone else None)
    if not found:
        raise first or UnreadableSource("No page was found there.")
