"""Front matter of Markdown, in YAML or TOML: what it is, what is only a rule, and its title.

What is taken for front matter is left out of the text, so it has to look like it in every line. A
document may as well begin with a rule, and its first section end with the next one.
"""

from __future__ import annotations

import json
import re
import tomllib
from itertools import takewhile

_FENCED = re.compile(
    r"\A(?:---[ \t]*\n(.{1,20000}?)\n(?:---|\.\.\.)|\+\+\+[ \t]*\n(.{1,20000}?)\n\+\+\+)"
    r"[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
# A name of few words, or one in quotes, before a colon that ends the line or a blank follows.
_KEY = re.compile(
    r"""(?:[\w$@][\w.$@/-]*(?: [\w.-]+){0,2}|"[^"\n]{1,100}"|'[^'\n]{1,100}') ?:(?:[ \t]|$)"""
)
_BELOW_A_KEY = re.compile(r"[ \t]|- |-$|#|$")
_HEADING = re.compile(r"#{1,6}[ \t]")
_TITLE = re.compile(r"""(?:title|"title"|'title') ?:(?:[ \t]+|$)""")
_DOUBLE_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_BLOCK = re.compile(r"[>|][-+\d]{0,3}[ \t]*(?:#.*)?$")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")


def front_matter(start: str) -> tuple[int, str]:
    """(where the text of a document begins that begins so, the title that is named or "").

    ``start`` has ``\\n`` as line end. The place is 0 where no front matter stands.
    """
    found = _FENCED.match(start)
    if found is None:
        return 0, ""
    title = _yaml_title(found[1]) if found[1] is not None else _toml_title(found[2])
    return (0, "") if title is None else (found.end(), title)


def _yaml_title(text: str) -> str | None:
    """The title, "" where none is named; None where ``text`` is no YAML."""
    lines = text.split("\n")
    if not _looks_like_yaml(lines):
        return None
    for at, line in enumerate(lines):
        if key := _TITLE.match(line):
            deeper = takewhile(lambda one: not one.strip() or one[0] in " \t", lines[at + 1 :])
            return _value(line[key.end() :].strip(), [one.strip() for one in deeper])
    return ""


def _looks_like_yaml(lines: list[str]) -> bool:
    begun = False
    for at, line in enumerate(lines):
        if _KEY.match(line):
            begun = True
        elif not _BELOW_A_KEY.match(line) or not (begun or line.startswith("#")):
            return False
        elif _HEADING.match(line) and _stands_alone(lines, at):
            return False  # a comment stands at what it is about
    return begun and bool(lines[-1].strip())


def _stands_alone(lines: list[str], at: int) -> bool:
    around = (*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2])
    return not any(line.strip() for line in around)


def _value(first: str, deeper: list[str]) -> str:
    """A scalar of YAML: ``first`` behind its key, ``deeper`` the indented lines below."""
    if _BLOCK.match(first):
        return " ".join(deeper)
    whole = " ".join([first, *deeper])
    if quoted := _DOUBLE_QUOTED.match(whole):
        try:
            return str(json.loads(quoted[0], strict=False))
        except json.JSONDecodeError:  # escapes that only YAML has
            return quoted[0][1:-1].replace("\\", "")
    if quoted := _SINGLE_QUOTED.match(whole):
        return quoted[1].replace("''", "'")
    return " ".join(_COMMENT.sub("", line) for line in (first, *deeper)).strip()


def _toml_title(text: str) -> str | None:
    try:
        title = tomllib.loads(text).get("title", "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return title if isinstance(title, str) else ""
