"""The same rules and indexes on PostgreSQL, which drops what it takes for a field's own index."""

import pytest

from tests.ground.test_schema import (
    test_every_rule_and_index_of_a_model_is_there,  # noqa: F401  # collected here too
)

pytestmark = [pytest.mark.services, pytest.mark.django_db]
