"""A deletion begins anew where the database ended it for the sake of others, and only there."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from tenants.locking import delete_whole

pytestmark = pytest.mark.django_db


class Told(Exception):
    """As the driver tells it."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def ended(sqlstate: str) -> OperationalError:
    error = OperationalError()
    error.__cause__ = Told(sqlstate)
    return error


def test_two_that_waited_for_each_other() -> None:
    ends = [ended("40P01")]

    def deletion() -> None:
        if ends:
            raise ends.pop()

    delete_whole(deletion)
    assert not ends


def test_a_database_that_is_away() -> None:
    tries = []

    def deletion() -> None:
        tries.append(1)
        raise ended("57P01")

    with pytest.raises(OperationalError):
        delete_whole(deletion)
    assert len(tries) == 1
