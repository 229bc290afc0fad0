"""Many rows of one model written at once, within the open scope.

``bulk_create`` spends more on each value than the database does on the row; a job that writes
thousands of chunks noticed. Here each column is looked at once and the driver does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection, models

from tenants.models import TenantOwned
from tenants.scope import check_owner

# Fields whose values the drivers take as they are. Exact types: a subclass may convert.
_PLAIN: tuple[type[models.Field[Any, Any]], ...] = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
)
_MOST_ROWS = 500


def upsert(rows: Sequence[TenantOwned], fields: Sequence[str]) -> None:
    """Insert ``rows`` (all of one model); where an id is there already, update ``fields`` of it.

    As ``bulk_create(update_conflicts=True, unique_fields=["id"])``, without signals and without
    reading anything back. Raises ``ScopeError`` before anything is written where a row is of
    another tenant than the open scope's.
    """
    if not rows:
        return
    for row in rows:
        check_owner(row)
    model = type(rows[0])
    columns = [field for field in model._meta.concrete_fields if not field.generated]
    readers = [_reader(field) for field in columns]
    values = [[read(row) for read in readers] for row in rows]
    with connection.cursor() as cursor:
        for at in range(0, len(values), _MOST_ROWS):
            cursor.executemany(_statement(model, columns, fields), values[at : at + _MOST_ROWS])


def _statement(
    model: type[TenantOwned], columns: Sequence[models.Field[Any, Any]], fields: Sequence[str]
) -> str:
    quote = connection.ops.quote_name
    names = [quote(str(field.column)) for field in columns]
    wanted = {field.name: str(field.column) for field in columns}
    written = [quote(wanted[name]) for name in fields]
    places = ", ".join(["%s"] * len(names))
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in written)
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
        f" ON CONFLICT ({quote(model._meta.pk.column)}) DO UPDATE SET {changes}"
    )


def _reader(field: models.Field[Any, Any]) -> Callable[[TenantOwned], Any]:
    """What the driver is given of a row for ``field``."""
    get = attrgetter(field.attname)
    # A foreign key holds what its target's key holds.
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    if type(kind) is models.UUIDField:
        if connection.features.has_native_uuid_field:
            return get
        return lambda row: None if (value := get(row)) is None else value.hex
    if type(kind) is models.JSONField:
        adapt = connection.ops.adapt_json_value
        return lambda row: None if (value := get(row)) is None else adapt(value, kind.encoder)
    if type(kind) in _PLAIN:
        return get
    return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), connection)
