"""What others do to the same rows at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model, QuerySet

from minirag.errors import Conflict, NotFound

Row = TypeVar("Row", bound=Model)
_TRIES = 5
_DEADLOCK = "40P01"


def lock_row(rows: QuerySet[Row], *, no_key: bool = True) -> Row:
    """In a transaction: the one row of ``rows`` as it is now, held until the end.

    Raises ``NotFound`` where it was deleted after it was looked up. Without ``no_key`` rows that
    refer to it wait too.
    """
    found = rows.select_for_update(of=("self",), no_key=no_key).first()
    if found is None:
        raise NotFound
    return found


def delete_whole(deletion: Callable[[], None]) -> None:
    """Run ``deletion`` in a transaction of its own: rows with all that hangs on them.

    Django looks for what hangs on a row before it deletes anything. Where somebody added to it
    meanwhile (an answer that just ended), the commit fails, and the deletion begins anew; so where
    somebody waited for it as it did for them. Raises ``Conflict`` where that happens again and
    again.
    """
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return deletion()
        except IntegrityError:
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _DEADLOCK:
                raise
    raise Conflict("It is in use just now. Try again.")
