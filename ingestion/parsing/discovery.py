"""Where pages lead and what sitemaps name: the parent's side. The child's answer is hostile input.

Both calls run in the sandbox's child, are safe from any thread, and raise as ``sandbox.parse``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from ingestion.parsing import sandbox
from ingestion.parsing.answers import BROKEN
from ingestion.parsing.document import clean_title
from ingestion.parsing.limits import Limits
from ingestion.parsing.orders import Ask, Task
from minirag.errors import UnreadableSource
from minirag.formats import LONGEST_URL
from minirag.types import RawDocument

_MAX_WORDS = 1_000


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Where a page leads, and what it asks of crawlers. Addresses are absolute, not judged yet."""

    links: tuple[str, ...] = ()
    canonical: str = ""
    noindex: bool = False
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class SitemapFile:
    """What a sitemap names: pages, or further sitemaps. Addresses are not judged yet."""

    is_index: bool
    urls: tuple[str, ...]


def find_links(raw: RawDocument) -> PageLinks:
    """Links of the web page ``raw``, ``MINIRAG_CRAWL_PAGE_LINKS`` of them at most."""
    most = settings.MINIRAG_CRAWL_PAGE_LINKS
    answer = _ask(raw, "links", most)
    if set(answer) != {"links", "canonical", "noindex", "nofollow"}:
        raise UnreadableSource(BROKEN)
    if any(not isinstance(answer[name], bool) for name in ("noindex", "nofollow")):
        raise UnreadableSource(BROKEN)
    canonical = _urls([answer["canonical"]], 1)[0]
    return PageLinks(_urls(answer["links"], most), canonical, answer["noindex"], answer["nofollow"])


def read_sitemap(raw: RawDocument) -> SitemapFile:
    """The addresses in the sitemap ``raw``, which may be packed by gzip."""
    most = settings.MINIRAG_SITEMAP_URLS
    answer = _ask(raw, "sitemap", most)
    if set(answer) != {"index", "urls"} or not isinstance(answer["index"], bool):
        raise UnreadableSource(BROKEN)
    return SitemapFile(answer["index"], _urls(answer["urls"], most))


def _ask(raw: RawDocument, task: Task, most: int) -> dict[str, Any]:
    limits = Limits.from_settings()
    content = replace(limits.content, inflated_bytes=settings.MINIRAG_SITEMAP_BYTES, rows=most)
    try:
        answer = json.loads(sandbox.answers([raw], replace(limits, content=content), Ask(task)))
    except (ValueError, RecursionError) as error:
        raise UnreadableSource(BROKEN) from error
    if not isinstance(answer, dict):
        raise UnreadableSource(BROKEN)
    if set(answer) == {"unreadable"}:
        words = answer["unreadable"]
        fit = isinstance(words, str) and 0 < len(words) <= _MAX_WORDS
        raise UnreadableSource(clean_title(words) if fit else BROKEN)
    return answer


def _urls(value: Any, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise UnreadableSource(BROKEN)
    if any(not isinstance(url, str) or len(url) > LONGEST_URL for url in value):
        raise UnreadableSource(BROKEN)
    if any(not url.isprintable() for url in value):
        raise UnreadableSource(BROKEN)
    return tuple(value)
