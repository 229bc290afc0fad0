"""docs/settings.md and .env.example name exactly what minirag/settings and Compose read."""

from __future__ import annotations

import re

import pytest

from tests.architecture.settings_read import Variable, variables
from tests.architecture.tree import ROOT, modules

_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| ([^|]*) \| ([^|]+) \|(.*)$", re.MULTILINE)
_LINE = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
_OF_COMPOSE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)")
# Computed where the setting is read, so the page says it in words.
COMPUTED = {
    "MINIRAG_DATA_DIR",
    "SECRET_KEY",
    "MINIRAG_ENCRYPTION_KEYS",
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "MINIRAG_STATIC_ROOT",
}


def documented() -> dict[str, str]:
    """Variable to the default that the page gives."""
    page = (ROOT / "docs" / "settings.md").read_text()
    return {row[1]: row[2].strip() for row in _ROW.finditer(page)}


def example() -> dict[str, str]:
    """Variable to its value in .env.example, commented out or not."""
    lines = _LINE.finditer((ROOT / ".env.example").read_text())
    return {line[1]: line[2] for line in lines}


def of_compose() -> set[str]:
    """Variables that docker-compose.yml takes from .env."""
    return set(_OF_COMPOSE.findall((ROOT / "docker-compose.yml").read_text()))


def text_of(default: object) -> str:
    """A default as the page writes it; what an empty one is called."""
    if default in ("", []):
        return "empty"
    if isinstance(default, bool):
        return f"`{int(default)}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`"


def test_something_is_read() -> None:
    assert len(variables()) > 80
    assert {"SECRET_KEY", "DATABASE_URL", "MINIRAG_RATE_API"} <= {one.name for one in variables()}


def test_the_page_names_what_is_read() -> None:
    assert set(documented()) == {one.name for one in variables()} | of_compose()


def test_the_example_names_what_is_read() -> None:
    assert set(example()) == {one.name for one in variables()} | of_compose()


@pytest.mark.parametrize("variable", variables(), ids=lambda one: one.name)
def test_defaults_are_the_real_ones(variable: Variable) -> None:
    if variable.name in COMPUTED:
        return
    said = documented()[variable.name]
    assert said.split(" (")[0] == text_of(variable.default)


def test_the_example_holds_no_secret() -> None:
    secret = re.compile("KEY|PASSWORD|TOKEN$|SECRET")
    filled = {name: value for name, value in example().items() if secret.search(name) and value}
    assert not filled


def test_nobody_else_reads_the_environment() -> None:
    """Other modules take settings, so that one place says what there is."""
    allowed = {"minirag/firstrun.py", "manage.py"}
    wrong = []
    for path in modules():
        text = (ROOT / path).read_text()
        reads = re.findall(r"os\.(?:getenv\(|environ(?:\[\"|\.get\())[^)\]]*", text)
        # Setting a variable for a library is no reading.
        reads = [one for one in reads if f"{one}] =" not in text]
        if reads and path not in allowed and not path.startswith("minirag/settings/"):
            wrong.append(f"{path}: {reads}")
    assert not wrong
