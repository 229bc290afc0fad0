"""The OpenAPI document as the tests see it: operations with their ids, bodies and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """One call of the API."""

    id: str
    method: str
    path: str
    raw: Mapping[str, Any] = field(repr=False, compare=False, hash=False)

    @property
    def path_ids(self) -> list[str]:
        """Names of the ids in the path; a citation's marker is a number inside its message."""
        return [name for name in re.findall(r"{(\w+)}", self.path) if name != "marker"]

    @property
    def writes(self) -> bool:
        return self.method != "get"

    @property
    def statuses(self) -> set[int]:
        return {int(status) for status in self.raw["responses"]}

    @property
    def media(self) -> str:
        content: Mapping[str, Any] = self.raw.get("requestBody", {}).get("content", {JSON: None})
        return next(iter(content))

    @property
    def body(self) -> Mapping[str, Any]:
        """Properties of the body by name, references resolved."""
        content = self.raw.get("requestBody", {}).get("content", {})
        schema = content.get(self.media, {}).get("schema", {})
        found: Mapping[str, Any] = resolve(schema).get("properties", {})
        return {name: resolve(one) for name, one in found.items()}

    @property
    def required(self) -> list[str]:
        content = self.raw.get("requestBody", {}).get("content", {})
        return list(resolve(content.get(self.media, {}).get("schema", {})).get("required", []))

    @property
    def body_ids(self) -> list[str]:
        """Fields of the body that name rows."""
        return [name for name, schema in self.body.items() if is_id(schema)]

    @property
    def query_ids(self) -> list[str]:
        """Query parameters that name rows."""
        return [one["name"] for one in self.parameters("query") if is_id(one["schema"])]

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.raw.get("parameters", []) if one["in"] == place]


def is_id(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "uuid" or schema.get("items", {}).get("format") == "uuid"


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind references, also where only one is combined."""
    for _ in range(5):
        if "$ref" in schema:
            schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif len(schema.get("allOf", ())) == 1:
            schema = {**resolve(schema["allOf"][0]), **schema, "allOf": ()}
        else:
            return schema
    return schema


@cache
def operations() -> list[Operation]:
    return list(_operations())


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method in METHODS:
            if method in methods:
                yield Operation(methods[method]["operationId"], method, path, methods[method])


def operation(name: str) -> Operation:
    return next(one for one in operations() if one.id == name)


def names(found: list[Operation]) -> list[str]:
    """For parametrize ids."""
    return [one.id for one in found]
