"""Many rows of one model written at once, within the open scope.

``bulk_create`` spends more on each value than the database does on the row, and a model's instance
costs as much again; a job that writes thousands of chunks noticed. Here a row is a dictionary, each
column is looked at once, and the driver does the rest: on SQLite row by row with one prepared
statement, on PostgreSQL an array per column, in binary, of a single statement, as reading a
statement for each row cost the server more than writing the row did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from django.db import connection, models
from django.utils import timezone

from tenants.models import TenantOwned
from tenants.scope import owner

# Fields whose values the drivers take as they are. Exact types: a subclass may convert.
_PLAIN: tuple[type[models.Field[Any, Any]], ...] = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
)
_MOST_ROWS = 500
Row = dict[str, Any]
_Columns = Sequence["models.Field[Any, Any]"]


def upsert(model: type[TenantOwned], rows: Sequence[Row], fields: Sequence[str]) -> None:
    """Insert ``rows``; where an id is there already, update ``fields`` of it.

    A row is what its columns hold, by attribute name (``tenant_id``, not ``tenant``); all rows name
    the same ones, ``id`` among them, with values of one type each. What they do not name gets its
    field's default, a time of writing is now; of a row that is there twice the last one counts.
    As ``bulk_create(update_conflicts=True, unique_fields=["id"])``, without signals and without
    reading anything back. Raises ``ScopeError`` before anything is written where a row is of
    another tenant than the open scope's; a row of another tenant that has the same id stays.
    """
    if not rows:
        return
    for row in rows:
        row["tenant_id"] = owner(model, row.get("tenant_id"))
    columns = [field for field in model._meta.concrete_fields if not field.generated]
    readers = [_reader(field, field.attname in rows[0]) for field in columns]
    write = _write_arrays if connection.vendor == "postgresql" else _write_rows
    for at in range(0, len(rows), _MOST_ROWS):
        # By id, as no statement may write a row twice: the last one counts.
        part = {row["id"]: row for row in rows[at : at + _MOST_ROWS]}.values()
        write(model, columns, fields, [[read(row) for read in readers] for row in part])


def _write_rows(
    model: type[TenantOwned], columns: _Columns, fields: Sequence[str], values: list[list[Any]]
) -> None:
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(_statement(model, columns, fields, f"VALUES ({places})"), values)


def _write_arrays(
    model: type[TenantOwned], columns: _Columns, fields: Sequence[str], values: list[list[Any]]
) -> None:
    """With a cursor of the driver's own: Django's writes its values into the statement."""
    arrays = ", ".join(f"%b::{_array_type(field)}" for field in columns)
    statement = _statement(model, columns, fields, f"SELECT * FROM UNNEST({arrays})")  # noqa: S608
    connection.ensure_connection()
    connection.validate_thread_sharing()
    connection.validate_no_broken_transaction()
    driver: Any = connection.Database  # type: ignore[attr-defined]  # as every backend has
    with connection.wrap_database_errors, driver.Cursor(connection.connection) as cursor:
        cursor.execute(statement, [list(column) for column in zip(*values, strict=True)])


def _array_type(field: models.Field[Any, Any]) -> str:
    """Of unbounded elements: a cast to ``varchar(9)[]`` would cut off what is longer, silently."""
    kind = str(field.db_type(connection))
    return "text[]" if kind.startswith("varchar") else f"{kind}[]"


def _statement(
    model: type[TenantOwned], columns: _Columns, fields: Sequence[str], rows: str
) -> str:
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    names = [quote(str(field.column)) for field in columns]
    wanted = {field.name: str(field.column) for field in columns}
    written = [quote(wanted[name]) for name in fields]
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in written)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) {rows}"
        f" ON CONFLICT ({quote(model._meta.pk.column)}) DO UPDATE SET {changes}"
        f" WHERE {table}.tenant_id = EXCLUDED.tenant_id"
    )


def _reader(field: models.Field[Any, Any], named: bool) -> Callable[[Row], Any]:
    """What the driver is given of a row for ``field``."""
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        now = field.get_db_prep_save(timezone.now(), connection)
        return lambda row: now
    prepared = _prepared(field)
    if named:
        get = itemgetter(field.attname)
        return get if prepared is None else lambda row: prepared(get(row))
    default = field.get_default
    return (lambda row: default()) if prepared is None else (lambda row: prepared(default()))


def _prepared(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How the driver wants a value of ``field``; None where it takes it as it is."""
    # A foreign key holds what its target's key holds.
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    if type(kind) is models.UUIDField:
        if connection.features.has_native_uuid_field:
            return None
        return lambda value: None if value is None else value.hex
    if type(kind) is models.JSONField:
        adapt = connection.ops.adapt_json_value
        return lambda value: None if value is None else adapt(value, kind.encoder)
    if type(kind) in _PLAIN:
        return None
    return lambda value: field.get_db_prep_save(value, connection)
