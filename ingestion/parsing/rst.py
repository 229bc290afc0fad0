"""reStructuredText by its headings. No directive is followed: those read files and the network."""

from __future__ import annotations

import re

from ingestion.parsing.document import Built, DocumentBuilder

_ADORNMENT = re.compile(r"^([!-/:-@\[-`{-~])\1+[ \t]*$")
_ROLE = re.compile(r":[\w:+.-]+:`([^`<]*?)(?:\s*<[^>]*>)?`")
_MARKS = re.compile(r"`+_{0,2}|\*{1,2}|\|")
_MOST = 1_000


def parse_rst(text: str) -> Built:
    """Lines as written, without the rules around titles; levels by the order of their styles."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    builder = DocumentBuilder()
    styles: list[str] = []
    at = 0
    while at < len(lines):
        size, title, style = _heading(lines, at)
        if size:
            if style not in styles:
                styles.append(style)
            builder.blank()
            builder.heading(title, min(9, styles.index(style) + 1), plain_title(title))
        elif not _is_transition(lines, at):
            builder.line(lines[at])
        at += max(1, size)
    return builder.build()


def plain_title(text: str) -> str:
    """A title's words without roles and marks."""
    return _MARKS.sub("", _ROLE.sub(r"\1", text)).strip()


def _heading(lines: list[str], at: int) -> tuple[int, str, str]:
    """(lines it takes, title, style) of a heading at ``at``; 0 lines where there is none."""
    line = lines[at]
    after = lines[at + 1] if at + 1 < len(lines) else ""
    if len(line) > _MOST or not line.strip():
        return 0, "", ""
    if _ADORNMENT.match(line):
        below = lines[at + 2] if at + 2 < len(lines) else ""
        if _fits(after.strip(), below) and below.strip() == line.strip():
            return 3, after.strip(), line[0] * 2
        return 0, "", ""
    if not line[0].isspace() and _fits(line.rstrip(), after):
        return 2, line.rstrip(), after[0]
    return 0, "", ""


def _fits(title: str, rule: str) -> bool:
    is_title = bool(title) and not _ADORNMENT.match(title)
    return is_title and bool(_ADORNMENT.match(rule)) and len(rule.rstrip()) >= min(len(title), 4)


def _is_transition(lines: list[str], at: int) -> bool:
    around = lines[at - 1 : at] + lines[at + 1 : at + 2]
    return bool(_ADORNMENT.match(lines[at])) and not any(line.strip() for line in around)
