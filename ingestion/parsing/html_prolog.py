"""What XHTML and pages of frames have that a parser of HTML reads wrongly, written as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
_CDATA = "<![CDATA["
_FRAMES = re.compile(r"<frameset\b", re.IGNORECASE)
_FRAME_TAGS = re.compile(r"</?(?:frameset|noframes|frame)\b[^<>]{0,2000}>", re.IGNORECASE)
_BLANKS = re.compile("[\x0b\x0c]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff\ufffe\uffff]+")
_CONTROL_NAMES = re.compile(
    r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef])(?![0-9a-f])"
    r"|0*(?:[0-8]|1[124-9]|2\d|3[01]|5529[6-9]|55[3-9]\d\d|56\d{3}|57[0-2]\d\d|573[0-3]\d"
    r"|5734[0-3]|6553[45])(?!\d));?",
    re.IGNORECASE,
)
# Characters that entities of a page's own may add to it.
_MOST_ADDED = 1_000_000


def without_controls(markup: str) -> str:
    """``markup`` without characters that a tree may be read with, but not be given."""
    return _CONTROL_NAMES.sub("", _CONTROLS.sub("", _BLANKS.sub(" ", markup)))


def as_html(markup: str) -> str:
    """``markup`` without a DTD of its own, its entities and CDATA as text, frames opened."""
    markup = _without_dtd(markup)
    if _XML.match(markup):
        markup = "".join(_with_sections(markup))
    return _FRAME_TAGS.sub("", markup) if _FRAMES.search(markup) else markup


def _with_sections(markup: str) -> Iterator[str]:
    """``markup`` in pieces, with what stands in CDATA sections as text."""
    at = 0
    while (start := markup.find(_CDATA, at)) >= 0:
        end = markup.find("]]>", start)
        if end < 0:
            break
        yield markup[at:start]
        yield escape(markup[start + len(_CDATA) : end], quote=False)
        at = end + 3
    yield markup[at:]


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
