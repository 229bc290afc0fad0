"""Who may see across tenants is a list, and every tenant row is behind the scoped manager."""

from __future__ import annotations

import ast
import re
import uuid

import pytest
from django.apps import apps
from django.db import models

from tenants.models import Tenant
from tenants.scope import ScopedManager, ScopeError, platform_scope, tenant_scope
from tests.architecture.tree import ROOT, modules

# What is cross-tenant by nature. A new caller is a decision: name it here with its reason.
PLATFORM_CALLERS: dict[str, str] = {
    "chat/cors.py": "a preflight names no bot: origins of all open widgets, nothing else of them",
    "chat/management/commands/ask.py": "the shell's owner names a bot by slug, in any tenant",
    "chat/pages.py": "the public chat page: its tenant follows from the widget's public id",
    "chat/tasks.py": "the sweeper ends answers of any tenant whose process died",
    "minirag/embedded.py": "whether any tenant uses a provider: its library is then imported early",
    "chat/widget_api.py": "a widget session: its tenant follows from the public id",
    "ingestion/housekeeping.py": "files, records and points left over by any tenant's work",
    "ingestion/management/commands/fsck_vectors.py": "compares the index of any or all tenants",
    "ingestion/management/commands/ingest.py": "the shell's owner names a bot by slug",
    "ingestion/management/commands/reindex.py": "the shell's owner rebuilds any or all tenants",
    "ingestion/management/running.py": "commands follow their jobs, whosever they are",
    "ingestion/pipeline/turns.py": "fairness: whether anybody else waits for this worker",
    "ingestion/selectors/figures.py": "metrics: how many jobs there are, over all tenants",
    "ingestion/selectors/queue.py": "whether any worker takes work; whose it is stays unseen",
    "ingestion/tasks.py": "fair claiming and the sweeper go over the jobs of all tenants",
    "ingestion/worker.py": "an embedded server takes over all jobs of its predecessor",
    "minirag/backup/reading.py": "a restore writes every tenant's rows",
    "minirag/backup/writing.py": "a backup reads every tenant's rows",
    "minirag/demo/setup.py": "looks whether the remembered demo tenant is still there",
    "tenants/console/sites.py": "the platform admin's site: superusers see all tenants",
    "tenants/credentials.py": "authentication: the tenant follows from the credential",
    "tenants/management/commands/rotate_keys.py": "re-encrypts the secrets of all tenants",
    "tenants/services/invitations.py": "authentication: the tenant follows from the link",
    "tenants/services/logins.py": "authentication by refresh token; one's logins in all tenants",
    "tenants/services/members.py": "whether a removed person is a member anywhere else",
    "tenants/services/tenancy.py": "makes tenants; their slugs are unique over all",
    "tenants/session.py": "the memberships of the person that signed in",
}

# Rows that belong to no single tenant.
GLOBAL_MODELS = {"tenants.User"}


def platform_callers() -> set[str]:
    found = set()
    for path, tree in modules().items():
        if path == "tenants/scope.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ("platform_scope", "PlatformScope"):
                    found.add(path)
    return found


def test_platform_scope_is_entered_only_where_listed() -> None:
    assert platform_callers() == set(PLATFORM_CALLERS)


def our_models() -> list[type[models.Model]]:
    ours = {"tenants", "sources", "usage", "bots", "ingestion", "chat"}
    return [model for model in apps.get_models() if model._meta.app_label in ours]


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_every_row_is_behind_the_scoped_manager(model: type[models.Model]) -> None:
    if model._meta.label in GLOBAL_MODELS or model._meta.auto_created:
        return
    assert isinstance(model._default_manager, ScopedManager)
    assert isinstance(model._base_manager, ScopedManager)
    with pytest.raises(ScopeError):
        list(model._default_manager.all()[:1])


def test_no_other_way_to_a_queryset() -> None:
    """``QuerySet(Model)`` and raw SQL would walk around the manager."""
    wrong = []
    for path in modules():
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if re.search(r"\.raw\(|\bQuerySet\(\w|_raw_delete|\.extra\(", line):
                wrong.append(f"{path}:{number} {line.strip()}")
    assert not wrong


@pytest.mark.django_db
def test_a_tenant_sees_its_own_row_only(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        assert list(Tenant.objects.all()) == [tenant]
    with tenant_scope(uuid.uuid4()):
        assert not Tenant.objects.exists()
    with platform_scope("tests"):
        assert set(Tenant.objects.all()) >= {tenant, other_tenant}
