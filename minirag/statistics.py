"""What SQLite is told of its tables: which columns very many rows share.

Untold, it guesses that ten rows share a tenant, and reads all of a tenant's chunks to find those of
thirty documents: 5 ms at 6,000 chunks, and growing. It could sample the tables itself, but a first
ingest would come too early, and connections that are open would not see what was found. So each
index gets a round figure when the database is migrated (https://sqlite.org/optoverview.html,
"Manual Control Of Query Plans Using SQLITE_STAT Tables"). PostgreSQL samples by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections

# Rows of a table, and how many of them share a value of these columns; of any other, a few.
_ROWS = 1_000_000
_SHARED = {
    "tenant_id": 50_000,
    "source_id": 20_000,
    "bot_id": 20_000,
    "bot_profile_id": 20_000,
    "state": 100_000,
    "status": 100_000,
    "kind": 100_000,
}
_FEW = 10
# Table, name and uniqueness of all indexes, those of constraints too, with a row for each column.
_INDEXES = """
    SELECT tables.name, indexes.name, indexes."unique", columns.name
    FROM sqlite_master AS tables, pragma_index_list(tables.name) AS indexes,
        pragma_index_info(indexes.name) AS columns
    WHERE tables.type = 'table'
    ORDER BY tables.name, indexes.name, columns.seqno
"""


def tell_planner(*, using: str = "default", **_: Any) -> None:
    """Receiver of ``post_migrate``: write the figures of all indexes that begin with such a column.

    Connections that are open go on with what they read when they were opened.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sqlite_master")  # makes the table where there is none
        cursor.execute("DELETE FROM sqlite_stat1")
        cursor.execute(_INDEXES)
        columns: dict[tuple[str, str, bool], list[str]] = {}
        for *index, column in cursor.fetchall():
            columns.setdefault(tuple(index), []).append(column)
        cursor.executemany(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (%s, %s, %s)",
            [
                (table, name, _figures(of, unique=unique))
                for (table, name, unique), of in columns.items()
                if of[0] in _SHARED
            ],
        )
        cursor.execute("ANALYZE sqlite_master")  # this connection reads it again


def _figures(columns: Sequence[str], *, unique: bool) -> str:
    """Rows of the index, and rows that agree in its first column, its first two, and so on."""
    figures = [_ROWS]
    for column in columns:
        figures.append(min(figures[-1], _SHARED.get(column, _FEW)))
    if unique:
        figures[-1] = 1
    return " ".join(map(str, figures))
