"""Many rows of one model written at once, within the open scope.

``bulk_create`` spends more on each value than the database does on the row, and a model's instance
costs as much again; a job that writes thousands of chunks noticed. Here a row is a dictionary, each
column is looked at once, and the driver does the rest.
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


def upsert(model: type[TenantOwned], rows: Sequence[Row], fields: Sequence[str]) -> None:
    """Insert ``rows``; where an id is there already, update ``fields`` of it.

    A row is what its columns hold, by attribute name (``tenant_id``, not ``tenant``); all rows name
    the same ones. What they do not name gets its field's default, a time of writing is now.
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
    values = [[read(row) for read in readers] for row in rows]
    with connection.cursor() as cursor:
        for at in range(0, len(values), _MOST_ROWS):
            cursor.executemany(_statement(model, columns, fields), values[at : at + _MOST_ROWS])


def _statement(
    model: type[TenantOwned], columns: Sequence[models.Field[Any, Any]], fields: Sequence[str]
) -> str:
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    names = [quote(str(field.column)) for field in columns]
    wanted = {field.name: str(field.column) for field in columns}
    written = [quote(wanted[name]) for name in fields]
    places = ", ".join(["%s"] * len(names))
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in written)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
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
