"""The OpenAPI document as a page wants it: groups of calls, rows of fields, a curl line each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

from minirag.api.renderers import with_code

Schema = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_NESTED = 2  # objects inside objects that are shown as rows of their own
_FIRST = ("auth", "tenants", "bot-profiles", "sources", "documents", "chunks", "ingest-jobs")
_NEXT = ("search", "chat", "chats", "messages", "widget", "usage")
_SAMPLES: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}}
_BY_NAME = {
    "email": "you@example.org",
    "message": "How long is the warranty?",
    "query": "How long is the warranty?",
    "name": "Handbook",
    "model": "local/extractive",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One field or parameter."""

    name: str
    kind: str
    about: str
    required: bool
    place: str = ""

    @property
    def words(self) -> SafeString:
        return with_code(self.about)


@dataclass(frozen=True, slots=True)
class Answer:
    code: str
    name: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation."""

    method: str
    path: str
    operation_id: str
    summary: str
    description: str
    parameters: Sequence[Row]
    media: str
    body: Sequence[Row]
    answers: Sequence[Answer]
    example: str

    @property
    def about(self) -> SafeString:
        return with_code(self.description)


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    calls: list[Call] = field(default_factory=list)


def _about(one: Schema, inner: Schema) -> str:
    """What is said of a field, without the generator's own list of its choices."""
    told = one.get("description") or inner.get("description", "")
    return str(told).partition("* `")[0].strip() if inner.get("enum") else str(told)


class Reference:
    """Reads one OpenAPI document."""

    def __init__(self, document: Schema) -> None:
        self.document = document
        self.schemas: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})

    def groups(self) -> list[Group]:
        """By tag: first what one begins with, then the rest by name."""
        found: dict[str, Group] = {}
        for path, methods in sorted(self.document.get("paths", {}).items()):
            for method in _METHODS:
                if operation := methods.get(method):
                    tag = (operation.get("tags") or ["other"])[0]
                    group = found.setdefault(tag, Group(tag))
                    group.calls.append(self._call(method, path, operation))
        order = [*_FIRST, *_NEXT]
        return sorted(
            found.values(),
            key=lambda group: (
                order.index(group.name) if group.name in order else len(order),
                group.name,
            ),
        )

    def _call(self, method: str, path: str, operation: Schema) -> Call:
        media, schema = _content(operation.get("requestBody", {}))
        parameters = operation.get("parameters", [])
        return Call(
            method=method.upper(),
            path=path,
            operation_id=operation.get("operationId", ""),
            summary=operation.get("summary") or operation.get("description", "").split("\n")[0],
            description=operation.get("description", ""),
            parameters=[self._parameter(one) for one in parameters],
            media=media,
            body=list(self.rows(schema)),
            answers=[self._answer(code, one) for code, one in operation["responses"].items()],
            example=self._curl(method, path, media, schema),
        )

    def _parameter(self, one: Schema) -> Row:
        schema = one.get("schema", {})
        return Row(
            one["name"],
            self.kind(schema),
            one.get("description", ""),
            one.get("required", False),
            one["in"],
        )

    def _answer(self, code: str, one: Schema) -> Answer:
        _, schema = _content(one)
        item = schema.get("items", schema)
        return Answer(code, self.kind(schema) if schema else "", list(self.rows(item)))

    def resolve(self, schema: Schema) -> Schema:
        """The schema behind a reference, or behind the only one of ``allOf``."""
        if "$ref" in schema:
            return self.schemas.get(_last(schema["$ref"]), {})
        if len(schema.get("allOf", ())) == 1:
            return {**self.resolve(schema["allOf"][0]), **schema, "allOf": ()}
        return schema

    def kind(self, schema: Schema) -> str:
        """A type in words: ``list of Source``, ``uuid``, ``"up" or "down"``, ``text or null``."""
        found = self.resolve(schema)
        if values := found.get("enum"):
            return " | ".join(json.dumps(value) for value in values)
        options = found.get("oneOf") or found.get("anyOf")
        if options:
            return " | ".join(dict.fromkeys(self.kind(one) for one in options))
        if found.get("type") == "array":
            return f"list of {self.kind(found.get('items', {}))}"
        if found.get("properties") and "$ref" in schema:
            return _last(schema["$ref"]).removesuffix("Request").removesuffix("Output")
        return _plain(found)

    def rows(self, schema: Schema, prefix: str = "", depth: int = 0) -> Iterator[Row]:
        """The fields of an object; those of objects inside it follow as ``outer.inner``."""
        found = self.resolve(schema)
        needed = set(found.get("required", ()))
        for name, one in found.get("properties", {}).items():
            inner = self.resolve(one)
            yield Row(prefix + name, self.kind(one), _about(one, inner), name in needed)
            if depth + 1 < _NESTED and inner.get("properties"):
                yield from self.rows(inner, f"{prefix}{name}.", depth + 1)

    def _curl(self, method: str, path: str, media: str, schema: Schema) -> str:
        lines = [f"curl {settings.MINIRAG_PUBLIC_URL}{path.replace('{', '$').replace('}', '')}"]
        if method != "get" and not (method == "post" and media):
            lines[0] = lines[0].replace("curl", f"curl -X {method.upper()}", 1)
        lines.append('-H "Authorization: Bearer $MINIRAG_TOKEN"')
        if media == "multipart/form-data":
            lines.append("-F file=@handbook.pdf")
        elif media:
            body = json.dumps(self._sample(schema), ensure_ascii=False)
            lines += ['-H "Content-Type: application/json"', f"-d {shlex.quote(body)}"]
        return " \\\n  ".join(lines)

    def _sample(self, schema: Schema) -> dict[str, Any]:
        """A body of the required fields, or of the first one where none is."""
        found = self.resolve(schema)
        fields = found.get("properties", {})
        names = [name for name in fields if name in found.get("required", ())] or list(fields)[:1]
        return {name: self._value(name, fields[name]) for name in names}

    def _value(self, name: str, schema: Schema) -> Any:
        found = self.resolve(schema)
        if found.get("enum"):
            return found["enum"][0]
        kind = found.get("type", "object")
        if kind == "array" and (item := self.resolve(found.get("items", {}))).get("enum"):
            return [item["enum"][0]]
        if kind != "string":
            return _SAMPLES.get(str(kind), {})
        if found.get("format") == "uuid":
            return "00000000-0000-0000-0000-000000000000"
        return _BY_NAME.get(name, "…")


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _plain(schema: Schema) -> str:
    kind = schema.get("type") or "any"
    kinds = kind if isinstance(kind, list) else [kind]
    words = {"string": schema.get("format") or "text", "object": "object"}
    shown = [words.get(one, one) for one in kinds]
    low, high, longest = (schema.get(name) for name in ("minimum", "maximum", "maxLength"))
    if low is not None and high is not None:
        shown[0] += f" {low} to {high}"
    elif longest:
        shown[0] += f" up to {longest:,} characters"
    return " | ".join(shown)


def _content(holder: Schema) -> tuple[str, Schema]:
    """The media type to show and its schema: JSON where there is JSON."""
    content = holder.get("content", {})
    for media in ("application/json", "multipart/form-data", *content):
        if media in content:
            return media, content[media].get("schema", {})
    return "", {}
