"""Dockerfile and docker-compose.yml, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.services.compose import compose

OURS = ("migrate", "web", "worker", "beat")
_SECRET = re.compile(r"(KEY|PASSWORD|TOKEN|SECRET)", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    """Dockerfile instructions in order, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    parts = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [(name.upper(), rest) for name, rest in parts]


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def test_the_image_is_built_in_two_stages_from_pinned_bases() -> None:
    stages = of("FROM")
    assert len(stages) == 2
    for stage in stages:
        image = stage.split()[0]
        tag = image.partition(":")[2]
        assert re.match(r"\d+\.\d+", tag), f"{image} is not pinned to a version"


def test_nothing_runs_as_root() -> None:
    names = [name for name, _ in instructions()]
    last_user = len(names) - 1 - names[::-1].index("USER")
    assert of("USER")[-1] not in ("root", "0")
    assert "RUN" not in names[last_user:], "what runs after USER would need no more rights"
    assert names.index("CMD") > last_user


def test_the_image_holds_no_secret() -> None:
    for name in ("ENV", "ARG", "LABEL"):
        for rest in of(name):
            assert not _SECRET.search(rest), f"{name} {rest}"
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", "var", ".env"} <= set(ignored)


def test_packages_are_installed_by_hash() -> None:
    installs = [part for rest in of("RUN") for part in rest.split("&&") if "pip install" in part]
    assert installs
    assert all("--require-hashes" in part for part in installs)


def test_the_image_says_whether_it_is_well() -> None:
    (check,) = of("HEALTHCHECK")
    assert "minirag.probe" in check
    assert (ROOT / "minirag" / "probe.py").is_file()


def test_commands_are_lists() -> None:
    """A shell in between would swallow signals."""
    assert all(rest.startswith("[") for rest in of("CMD"))
    for name in OURS:
        command = services()[name]["command"]
        assert isinstance(command, list)
        assert shlex.join(command)


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_locked_down(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert "uploads:/data" in service["volumes"]


@pytest.mark.parametrize("name", sorted(services()))
def test_images_are_pinned_and_private(name: str) -> None:
    service = services()[name]
    tag = service["image"].partition(":")[2]
    assert tag and tag != "latest"
    assert name == "web" or "ports" not in service, "only web is reached from outside"
    assert not service.get("privileged")


@pytest.mark.parametrize("name", sorted(services()))
def test_no_secret_stands_in_the_file(name: str) -> None:
    for key, value in (services()[name].get("environment") or {}).items():
        if _SECRET.search(key) or "://" in str(value):
            assert re.search(r"\$\{\w+:\?", str(value)) or not re.search(r":[^/$]+@", str(value)), (
                f"{key} has a value of its own, or one that may be left out"
            )


@pytest.mark.parametrize("name", sorted(set(services()) - {"migrate", "beat", "qdrant"}))
def test_what_can_be_asked_is_asked_whether_it_is_well(name: str) -> None:
    assert services()[name]["healthcheck"]["test"]


def test_web_and_workers_wait_for_the_migration() -> None:
    for name in ("web", "worker", "beat"):
        wanted = services()[name]["depends_on"]["migrate"]
        assert wanted["condition"] == "service_completed_successfully"


def test_named_volumes_are_declared() -> None:
    declared = set(compose()["volumes"])
    used = {
        volume.split(":")[0] for one in services().values() for volume in one.get("volumes", [])
    }
    assert used == declared
