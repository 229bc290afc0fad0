"""Data goes one way: which room may import which (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import APPS, functions, imported, modules, package_of

# Lower number = lower floor; a room imports only from lower floors (or itself).
FLOOR = {"minirag": 0, "tenants": 1, "sources": 2, "usage": 2, "bots": 3, "ingestion": 4, "chat": 4}
# The roof of minirag/ sits on top of all apps; the rest of the package is ground.
ROOF = ("settings", "backup", "urls", "asgi", "embedded", "demo", "management", "pages", "health")
EDGES = (
    "api",
    "admin",
    "views",
    "consumers",
    "routing",
    "urls",
    "management",
    "api_base",
    "console",
    "pages",
    "worker",
)
# Inside an app a module imports only those that stand after it.
ORDER = ("services", "tasks", "pipeline", "orchestrator", "selectors", "models")
# Vendors that are slow to import, or large: only inside the function that needs them, as
# themselves or as the adapter that stands on them.
LAZY = (
    "litellm",
    "qdrant_client",
    "openai",
    "redis",
    "minirag.vectorstores.qdrant_wire",
    "minirag.providers.minilm",
    "minirag.api.shared_limits",
    "chat.shared_slots",
    "chat.event_logs.redis_streams",
)


def room(path: str) -> tuple[str, str]:
    """(app, module) of a file: ('chat', 'api') for chat/api.py or chat/api/views.py."""
    parts = Path(path).with_suffix("").parts
    return parts[0], parts[1] if len(parts) > 1 else ""


def is_roof(path: str) -> bool:
    app, module = room(path)
    return app == "minirag" and module in ROOF


def is_edge(path: str) -> bool:
    return edge_name(room(path)[1])


def edge_name(module: str) -> bool:
    return module in EDGES or module.endswith(("_api", "_urls"))


@pytest.mark.parametrize("path", modules())
def test_a_room_imports_only_from_lower_floors(path: str) -> None:
    app, _ = room(path)
    if is_roof(path):
        return
    wrong = []
    for name, line in imported(modules()[path], package_of(path)):
        other = name.split(".")[0]
        if other not in APPS or other == app:
            continue
        higher = FLOOR[other] >= FLOOR[app]
        roof = other == "minirag" and name.split(".")[1:2] and name.split(".")[1] in ROOF
        if roof or (higher and not (is_edge(path) and app != "minirag")):
            wrong.append(f"{path}:{line} imports {name}")
    assert not wrong


@pytest.mark.parametrize("path", modules())
def test_edges_are_imported_by_routing_only(path: str) -> None:
    if is_edge(path) or is_roof(path):
        return
    wrong = [
        f"{path}:{line} imports {name}"
        for name, line in imported(modules()[path], package_of(path))
        if name.split(".")[0] in APPS[1:]
        and len(name.split(".")) > 1
        and edge_name(name.split(".")[1])
        and name.split(".")[1] not in ("api_base", "worker")
    ]
    assert not wrong


@pytest.mark.parametrize("path", modules())
def test_inside_an_app_imports_go_downwards(path: str) -> None:
    app, module = room(path)
    if module not in ORDER:
        return
    allowed = ORDER[ORDER.index(module) :]
    wrong = [
        f"{path}:{line} imports {name}"
        for name, line in imported(modules()[path], package_of(path))
        if name.split(".")[0] == app
        and len(name.split(".")) > 1
        and name.split(".")[1] in ORDER
        and name.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("path", modules())
def test_no_import_inside_a_function_but_a_lazy_vendor(path: str) -> None:
    wrong = []
    for function in functions(modules()[path]):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [name for name, _ in imported(node, package_of(path))]
                if not all(name.startswith(LAZY) for name in names):
                    wrong.append(f"{path}:{node.lineno} {names}")
    assert not wrong
