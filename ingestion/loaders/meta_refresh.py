"""Pages that lead on by a meta element instead of a status, as those of static sites do."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urldefrag, urljoin

from minirag.egress import Fetched

_HTML = ("text/html", "application/xhtml+xml")
# Where such an element stands, and the seconds after which a reader would still be on the page.
_LOOKED_AT = 8_192
_SOON = 5
_UNSEEN = re.compile(
    rb"<!--.{0,4000}?-->|<(noscript|script|style)\b.{0,4000}?</\1", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(rb"<(base|meta)\b[^>]{0,2500}>", re.IGNORECASE)
_HREF = re.compile(
    r"(?<![\w-])href\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]++))", re.IGNORECASE
)
_IS_REFRESH = re.compile(r"http-equiv\s*=\s*[\"']?\s*refresh\b", re.IGNORECASE)
_CONTENT = re.compile(r"\bcontent\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
# Nothing that was taken is given back: blanks may stand between all parts, and a page is hostile.
_WHERE = re.compile(
    r"\s*+(\d{1,3}+)(?:\.\d*+)?+\s*+[;,]?+\s*+(?:url\s*+=\s*+)?+[\"']?+([^\"']++)[\"']?+\s*+",
    re.IGNORECASE,
)


def leads_on(page: Fetched) -> str | None:
    """The address that the page sends its readers on to at once; None where it is one to read."""
    if page.mime_type not in _HTML:
        return None
    base = ""  # the first one counts, for what stands behind it
    for tag in _TAG.finditer(_UNSEEN.sub(b"", page.content[:_LOOKED_AT])):
        text = tag[0].decode("utf-8", "replace")
        if tag[1].lower() == b"base":
            base = base or _base(text, page.url)
            continue
        content = _CONTENT.search(text) if _IS_REFRESH.search(text) else None
        where = _WHERE.fullmatch(unescape(content[1] or content[2] or "")) if content else None
        if where is None or int(where[1]) > _SOON:
            continue
        try:
            target: str = urldefrag(urljoin(base or page.url, where[2].strip())).url
        except ValueError:
            continue
        if target != urldefrag(page.url).url and target.startswith(("http://", "https://")):
            return target
    return None


def _base(tag: str, url: str) -> str:
    """What a base element says that targets lead from; "" where it names no address."""
    found = _HREF.search(tag)
    if found is None:
        return ""
    try:
        base = urljoin(url, unescape(found[1] or found[2] or found[3] or "").strip())
    except ValueError:
        return url
    return base if base.startswith(("http://", "https://")) else url
