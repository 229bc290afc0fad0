"""Source code: its lines, with the definitions at the top as headings.

Found by a few patterns over lines, not by a grammar: a missed one costs a heading, nothing else.
Indentation goes the way of all text here (``normalize_text``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from ingestion.parsing.document import Built, DocumentBuilder
from ingestion.parsing.text import split_lines, unix_lines

_MODIFIER = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|open|"
    r"sealed|data|unsafe|extern|inline|partial|override|declare|const|pub(?:\([\w: ]{1,40}\))?)\s+)"
)
_KEYWORD = (
    r"(?:def|class|function\*?|func|fun|fn|interface|trait|struct|enum|union|type|module|"
    r"namespace|object|protocol|extension|impl|sub|record|macro_rules!|defmodule|package)"
)
_DEFINITION = re.compile(
    rf"^(\s{{0,8}}){_MODIFIER}{{0,5}}{_KEYWORD}\s+(?:\([^)]{{0,80}}\)\s*)?([A-Za-z_$][\w$.:<>?!]*)"
)
_SQL = re.compile(
    r"^()create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|unique\s+|materialized\s+)?"
    r"(?:table|view|function|procedure|trigger|index|type)\s+(?:if\s+not\s+exists\s+)?"
    r"([\w.\"`\[\]]+)",
    re.IGNORECASE,
)
_TABLE = re.compile(r"^()\[{1,2}([^\[\]\n]{1,100})\]{1,2}\s*$")
_KEY = re.compile(r"^()([A-Za-z_][\w.-]{0,60}):\s*(?:#.*)?$")
_METHOD = re.compile(
    rf"^(\s{{0,8}}){_MODIFIER}{{1,5}}[\w<>\[\],.? ]{{1,80}}\s(\w+)\s*\([^;]{{0,200}}$"
)
_C_FUNCTION = re.compile(
    r"^()[A-Za-z_][\w:<>*&, ]{1,80}[\s*&](\w[\w:~]*)\s*\([^;{}]{0,200}\)?\s*\{?$"
)
_BY_SUFFIX = {
    ".sql": (_SQL,),
    ".toml": (_TABLE,), ".ini": (_TABLE,), ".cfg": (_TABLE,), ".conf": (_TABLE,),
    ".yaml": (_KEY,), ".yml": (_KEY,),
    ".java": (_DEFINITION, _METHOD), ".cs": (_DEFINITION, _METHOD),
    ".c": (_DEFINITION, _C_FUNCTION), ".h": (_DEFINITION, _C_FUNCTION),
    ".cc": (_DEFINITION, _C_FUNCTION), ".cpp": (_DEFINITION, _C_FUNCTION),
    ".cxx": (_DEFINITION, _C_FUNCTION), ".hpp": (_DEFINITION, _C_FUNCTION),
}  # fmt: skip
_NO_HEADINGS = frozenset({".xml", ".xsd", ".css", ".scss", ".less", ".properties", ".diff"})
_MOST = 300
_WORDS = frozenset({"if", "for", "while", "switch", "return", "else", "catch", "new"})


def parse_code(pieces: Iterable[str], key: str) -> Built:
    """Lines of the file ``key``; its title is the file's name."""
    path = PurePosixPath(key)
    suffix = path.suffix.lower()
    patterns = () if suffix in _NO_HEADINGS else _BY_SUFFIX.get(suffix, (_DEFINITION,))
    builder = DocumentBuilder()
    inside = False  # below a definition at the margin, where methods stand
    for line in split_lines(unix_lines(pieces)):
        found = _found(patterns, line)
        if found is None:
            builder.line(line)
            continue
        indent, name = found
        if not indent:
            inside = True
        if indent and not inside:
            builder.line(line)
        else:
            builder.heading(line, 2 if indent else 1, name)
    return builder.build(path.name)


def _found(patterns: tuple[re.Pattern[str], ...], line: str) -> tuple[bool, str] | None:
    """(whether it is indented, name) of the definition that the line begins."""
    if len(line) > _MOST:
        return None
    for pattern in patterns:
        match = pattern.match(line)
        if match and match[2] not in _WORDS:
            return bool(match[1]), match[2]
    return None
