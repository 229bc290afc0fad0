"""What the models promise of the database, and what migrations made of it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models

from tests.architecture.tree import APPS

pytestmark = pytest.mark.django_db
OWN = [
    model
    for model in apps.get_models(include_auto_created=True)
    if model._meta.app_label in APPS and not model._meta.proxy
]


@pytest.mark.parametrize("model", OWN, ids=lambda model: model.__name__)
def test_every_rule_and_index_of_a_model_is_there(model: type[models.Model]) -> None:
    """A migration that drops a field's index can take a rule on the same field with it."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    named = [rule.name for rule in (*model._meta.constraints, *model._meta.indexes)]
    assert set(named) <= set(found)
    unique = {
        tuple(one["columns"]) for one in found.values() if one["unique"] or one["primary_key"]
    }
    begun = {one["columns"][0] for one in found.values() if one["index"]} | {of[0] for of in unique}
    for field in model._meta.local_fields:
        assert not field.unique or (field.column,) in unique, field
        if isinstance(field, models.ForeignKey):
            assert field.column in begun, f"{field} is looked for by what it refers to"
            there = {
                one["foreign_key"] for one in found.values() if one["columns"] == [field.column]
            }
            target = field.target_field.model._meta
            assert (target.db_table, target.pk.column) in there, field
