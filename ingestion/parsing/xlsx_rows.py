"""Where the rows of an XLSX stand. Calamine lays out all between the first and the last of them.

A sheet of few rows far apart is pulled together before: rows that touch still do, and of what was
empty between others one row is left. Its errors become texts on that way: calamine takes those it
knows for nothing, and for others it refuses the workbook.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO

from ingestion.parsing.document import ContentLimits
from ingestion.parsing.safe_zip import SafeArchive
from minirag.errors import UnreadableSource

_TAG = re.compile(rb"<(?:\w+:)?(c|row|mergeCell)\b([^<>]{0,400})>")
_PLACE = re.compile(
    rb"""(\br(?:ef)?=["'])([A-Z]{0,3})(\d{0,7})(?:(:[A-Z]{1,3})(\d{1,7}))?(?=["'])"""
)
_ERROR = re.compile(rb"""(<(?:\w+:)?c\b[^<>]{0,400}?\bt=["'])e(?=["'])""")
_STYLE = re.compile(rb"""\bs=["'](\d{1,5})["']""")
_SHEET = re.compile(r"^xl/worksheets/[^/]+\.xml$")
# No tag that matters is longer.
_TAG_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Places:
    """``rows``: numbers of those with a cell that is not empty, from 1 on, and cells' styles.

    ``errors``: whether a cell shows one, as #DIV/0! is.
    """

    rows: list[int]
    errors: bool = False
    # Column to the rows from which on its cells have another style, and those styles: as good as
    # always they change with the column only.
    _styles: dict[int, tuple[array[int], array[int]]] = field(default_factory=dict)

    def add_style(self, row: int, column: int, style: int) -> None:
        rows, styles = self._styles.setdefault(column, (array("L"), array("L")))
        if style != (styles[-1] if styles else 0):
            rows.append(row)
            styles.append(style)

    def style(self, row: int, column: int) -> int:
        """The style of the cell there, both counted from 1; 0 where none is named."""
        rows, styles = self._styles.get(column, (array("L"), array("L")))
        at = bisect_right(rows, row)
        return styles[at - 1] if at else 0


def sheets_of(archive: SafeArchive) -> list[str]:
    return [name for name in archive.names() if _SHEET.match(name)]


def places(archive: SafeArchive, part: str, limits: ContentLimits) -> Places:
    """Where the cells of the sheet ``part`` stand that are not empty.

    Raises ``UnreadableSource`` where there are more rows, or columns, than a table may have.
    """
    found: set[int] = set()
    seen = Places([])
    row = column = 0
    errors = False
    for piece in _whole_tags(archive, part):
        errors = errors or _ERROR.search(piece) is not None
        for tag, facts in _TAG.findall(piece):
            place = _PLACE.search(facts)
            if tag == b"row":
                row, column = int(place[3] or 0) if place else row + 1, 0
                continue
            if tag != b"c":
                continue
            column = _column(place[2]) if place else column + 1
            if facts.endswith(b"/"):
                continue
            if column > limits.columns:
                raise UnreadableSource(f"A sheet has more than {limits.columns:,} columns.")
            if place:
                row = int(place[3] or 0)
            found.add(row)
            if style := _STYLE.search(facts):
                seen.add_style(row, column, int(style[1]))
            else:
                seen.add_style(row, column, 0)
        if len(found) > limits.rows:
            raise UnreadableSource(f"A sheet has more than {limits.rows:,} rows.")
    return replace(seen, rows=sorted(found), errors=errors)


_UNREAD = (
    "xl/media/", "xl/embeddings/", "xl/drawings/", "xl/charts/", "xl/activex/",
    "xl/printersettings/", "docprops/thumbnail", "customxml/",
)  # fmt: skip


def written_anew(archive: SafeArchive, far: dict[str, list[int]], errors: set[str]) -> bytes:
    """The workbook with the rows of ``far`` sheets (by their filled ones) moved together.

    The errors in those and in the sheets ``errors`` become texts. Pictures and the like, which may
    be large or damaged, are left out: nobody reads them.
    """
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name, stored in archive.stored_names().items():
            if name.lower().startswith(_UNREAD):
                continue
            pieces = archive.pieces(name)
            if name in far or name in errors:
                pieces = _changed(archive, name, far.get(name))
            with out.open(stored, "w") as part:
                for piece in pieces:
                    part.write(piece)
    return made.getvalue()


def _changed(archive: SafeArchive, part: str, far: list[int] | None) -> Iterator[bytes]:
    moved = _moving(far) if far else None
    for piece in _whole_tags(archive, part):
        shown = _ERROR.sub(rb"\1str", piece)
        yield _TAG.sub(moved, shown) if moved else shown


def _moving(rows: list[int]) -> Callable[[re.Match[bytes]], bytes]:
    """Gives a tag its new place, where ``rows`` are those that stay."""
    places: list[int] = []
    for at, row in enumerate(rows):
        gap = 1 if not at or row == rows[at - 1] + 1 else 2
        places.append((places[-1] if places else 0) + gap)

    def place(found: re.Match[bytes]) -> bytes:
        start, letters, row, colon, last = found.groups()
        first = bisect_left(rows, int(row or 0))
        moved = start + letters + b"%d" % places[min(first, len(rows) - 1)]
        if colon:
            moved += colon + b"%d" % places[max(first, bisect_right(rows, int(last)) - 1)]
        return moved

    return lambda tag: _PLACE.sub(place, tag[0], count=1)


def _whole_tags(archive: SafeArchive, part: str) -> Iterator[bytes]:
    """The part in pieces that cut no tag in two."""
    rest = b""
    for piece in archive.pieces(part):
        seen = rest + piece
        cut = seen.rfind(b"<", max(0, len(seen) - _TAG_BYTES))
        cut = len(seen) if cut < 0 else cut
        yield seen[:cut]
        rest = seen[cut:]
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
