"""The database's clock: leases of several machines are judged by one of them."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """The time of the database server, now (not of the transaction's begin)."""
    if connection.vendor == "sqlite":
        return timezone.now()  # the database is inside this very process
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now
