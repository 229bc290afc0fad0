"""What XHTML and pages of frames have that a parser of HTML reads wrongly, written as HTML."""

from __future__ import annotations

import re
from html import escape, unescape

_DTD = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*){0,20}"
    r"<!DOCTYPE\s[^>\[]{0,500}\[[^\]]{0,20000}\]\s*>",
    re.DOTALL | re.IGNORECASE,
)
_ENTITY = re.compile(r"""<!ENTITY\s+([\w.-]{1,60})\s+(?:"([^"<]{0,500})"|'([^'<]{0,500})')\s*>""")
_NAME = re.compile(r"&([A-Za-z_][\w.-]{0,59});")
_XML = re.compile(
    r"\s*<\?xml\b|\s*<!DOCTYPE\s+html\s+PUBLIC\s+[\"']-//W3C//DTD XHTML", re.IGNORECASE
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_FRAMES = re.compile(r"<frameset\b", re.IGNORECASE)
_FRAME_TAGS = re.compile(r"</?(?:frameset|noframes|frame)\b[^>]{0,2000}>", re.IGNORECASE)
# Characters that entities of a page's own may add to it.
_MOST_ADDED = 1_000_000


def as_html(markup: str) -> str:
    """``markup`` without a DTD of its own, its entities and CDATA as text, frames opened."""
    markup = _without_dtd(markup)
    if _XML.match(markup):
        markup = _CDATA.sub(lambda found: escape(found[1], quote=False), markup)
    return _FRAME_TAGS.sub("", markup) if _FRAMES.search(markup) else markup


def _without_dtd(markup: str) -> str:
    dtd = _DTD.match(markup)
    if dtd is None:
        return markup
    declared = {
        name: escape(unescape(double or single), quote=False)
        for name, double, single in _ENTITY.findall(dtd[0])
    }
    left = _MOST_ADDED

    def written(found: re.Match[str]) -> str:
        nonlocal left
        words = declared.get(found[1])
        left -= len(words or "")
        return found[0] if words is None or left < 0 else words

    rest = markup[dtd.end() :]
    opening = '<?xml version="1.0"?>' if _XML.match(markup) else ""
    return opening + (_NAME.sub(written, rest) if declared else rest)
