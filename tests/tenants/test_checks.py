"""CFG: what forgot to say who may use it, or is set unsafely, does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest
from django.urls.converters import get_converters
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api_base import AsyncTenantView, TenantView
from tenants.checks import check_bootstrap_token, check_views, view_problems
from tenants.context import AuthContext
from tenants.models import TokenScope
from tests.conftest import ROOT

STR = get_converters()["str"]


class Forgetful(TenantView):
    def get(self, request: Request) -> Response:
        return Response()


class Half(TenantView):
    scopes = {"GET": TokenScope.READ}

    def get(self, request: Request) -> Response:
        return Response()

    def delete(self, request: Request) -> Response:
        return Response()


def resolve(auth: AuthContext, pk: UUID) -> None:
    return None


class Whole(Half):
    scopes = {"GET": TokenScope.READ, "DELETE": TokenScope.WRITE}
    path_objects = {"pk": resolve}


class Odd(AsyncTenantView):
    rate = "sometimes"
    atomic = True


@pytest.mark.parametrize(
    ("view", "converters", "ids"),
    [
        (Forgetful, {}, ["minirag.E101"]),
        (Half, {}, ["minirag.E101"]),
        (Half, {"pk": STR}, ["minirag.E101", "minirag.E102"]),
        (Whole, {"pk": STR}, []),
        (Whole, {}, ["minirag.E102"]),
        (Odd, {}, ["minirag.E104", "minirag.E105"]),
    ],
)
def test_views_that_forgot(view: type[TenantView], converters: Any, ids: list[str]) -> None:
    assert [problem.id for problem in view_problems(view, converters)] == ids


def test_our_own_routes_forgot_nothing() -> None:
    assert check_views(None) == []


def test_a_view_without_a_scope_answers_nobody() -> None:
    view = Forgetful()
    assert not view.may_use("GET")


@pytest.mark.parametrize(("token", "fine"), [("", True), ("short", False), ("a" * 40, False)])
def test_the_bootstrap_token(settings: Any, token: str, fine: bool) -> None:
    settings.MINIRAG_BOOTSTRAP_TOKEN, settings.DEVELOPMENT = token, False
    assert (check_bootstrap_token(None) == []) is fine
    settings.DEVELOPMENT = True
    assert check_bootstrap_token(None) == []


def test_a_short_metrics_token(settings: Any) -> None:
    settings.DEVELOPMENT, settings.MINIRAG_METRICS_TOKEN = False, "x" * 15
    assert "MINIRAG_METRICS_TOKEN" in check_bootstrap_token(None)[0].msg
    settings.MINIRAG_METRICS_TOKEN = "x" * 16
    assert check_bootstrap_token(None) == []


GOOD = {
    "MINIRAG_ENV": "production",
    "SECRET_KEY": "kR7vQ2xT9mZ4pL6wB8nC3jH5gF1dS0aYuIoEeWq_-XyVtU",
    "MINIRAG_ENCRYPTION_KEYS": "7v0q3Yb1u5mXn2k8w4c6Zr9t0aHd_eJfGiLoPsQxTyA=",
    "ALLOWED_HOSTS": "rag.example.org",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, ""),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + "x1y2z3" * 8}, "SECRET_KEY"),
        ({"DEBUG": "1"}, "DEBUG"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"MINIRAG_ENV": "staging"}, "MINIRAG_ENV"),
        ({"MINIRAG_RATE_API": "many"}, "MINIRAG_RATE_API"),
    ],
)
def test_production_refuses_unsafe_settings(
    tmp_path: Any, change: dict[str, str], named: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "MINIRAG_DATA_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        **GOOD,
        **change,
    }
    done = subprocess.run(
        [sys.executable, "-c", "import minirag.settings"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) == (not named), done.stderr
    assert named in done.stderr
    assert GOOD["SECRET_KEY"] not in done.stderr
