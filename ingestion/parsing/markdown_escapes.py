"""Backslashes of Markdown that only say that a sign is no mark: others are text.

``C:\\new`` and ``\\alpha`` are what they are; ``\\*`` is a star; code and formulas stay as written.
"""

from __future__ import annotations

import re

_PUNCTUATION = r"!-/:-@\[-`{-~"
# Code, formulas with commands in them, and names of servers, as they are; else an escape.
_CODE = r"(?<![\\`])(?P<ticks>`++)(?:[^`]++(?!(?P=ticks)(?!`))`++){0,30}+[^`]++(?P=ticks)(?!`)"
_FORMULA = r"(?<![\\$\w])(?P<mark>\${1,2})(?=[^$\s])(?=[^$]{0,500}\\[A-Za-z])[^$]{1,500}(?P=mark)"
_SERVER = r"(?<!\S)\\\\(?=\w[\w.-]{0,60}\\\w)"
_SIGN = rf"\\(?P<sign>[{_PUNCTUATION}])"
_TOKEN = re.compile(rf"(?P<kept>{_CODE}|{_FORMULA}|{_SERVER})|{_SIGN}")
_WITHOUT_FORMULAS = re.compile(rf"(?P<kept>{_CODE}|{_SERVER})|{_SIGN}")
_BEGINS = re.compile(r"\\begin\{(\w{1,30}\*?)\}")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
_SHIFT = 0xE000
_ESCAPED = re.compile(rf"\\([{_PUNCTUATION}])")
_SHIFTED = re.compile(f"[{chr(_SHIFT + 0x21)}-{chr(_SHIFT + 0x7E)}]")


def unescaped(line: str, *, formulas: bool = True) -> str:
    """``line`` without the backslashes of escapes; in a row of a table one before a bar stays.

    ``formulas`` is False where all backslashes were escaped, those of formulas too.
    """
    if "\\" not in line:
        return line
    is_row = line.lstrip().startswith("|")

    def written(found: re.Match[str]) -> str:
        sign = found["sign"]
        return found[0] if sign is None or (is_row and sign == "|") else sign

    return (_TOKEN if formulas else _WITHOUT_FORMULAS).sub(written, line)


def hidden_escapes(text: str) -> str:
    """``text`` with escaped signs as ones that no mark is made of."""
    return _ESCAPED.sub(lambda found: chr(_SHIFT + ord(found[1])), text)


def shown_escapes(text: str) -> str:
    """The signs that ``hidden_escapes`` hid."""
    return _SHIFTED.sub(lambda found: chr(ord(found[0]) - _SHIFT), text)


class Formulas:
    """Tells lines of formulas that stand between marks of their own; a blank line ends them."""

    def __init__(self) -> None:
        self._end = ""

    def have(self, line: str) -> bool:
        """Whether ``line`` belongs to one; to be asked of each line after the other."""
        words = line.strip()
        if not words:
            self._end = ""
        elif self._end:
            self._end = "" if self._end in words else self._end
            return True
        elif words.startswith("$$") and words.count("$$") == 1:
            self._end = "$$"
        elif begun := _BEGINS.match(words):
            end = f"\\end{{{begun[1]}}}"
            self._end = "" if end in words else end
            return True
        return bool(self._end)


class Indented:
    """Tells lines of code that is only indented from those of a list's items."""

    def __init__(self) -> None:
        self._in_list = False
        self._in_code = False

    def is_code(self, before: str, line: str) -> bool:
        """Whether ``line`` is code; to be asked of each line after the other."""
        if not line.strip():
            return False
        indented = line.startswith(("    ", "\t"))
        if not indented:
            self._in_list = bool(_ITEM.match(line)) or (self._in_list and line[0] == " ")
        self._in_code = indented and not self._in_list and (self._in_code or not before.strip())
        return self._in_code
