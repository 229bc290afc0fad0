"""A client of the running server, as a program would write one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.processes import wait_for

ENDED = ("succeeded", "partial", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event."""

    id: int
    name: str
    data: dict[str, Any]


class Api:
    """``/v1`` of one server with one token. Every unexpected status is an error of the test."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    def call(
        self, method: str, path: str, *, status: int | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = self.http.request(method, f"/v1/{path}", **more)
        good = answer.status_code == status if status else answer.is_success
        assert good, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self.call("GET", path, params=params)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.call("POST", path, json=body)

    def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Every page of a list."""
        found = []
        page = self.get(path, limit=200, **params)
        while True:
            found += page["results"]
            if not page["next"]:
                return found
            answer = self.http.get(page["next"])
            assert answer.is_success, answer.text
            page = answer.json()

    def upload(self, source_id: str, files: Mapping[str, str | bytes]) -> list[dict[str, Any]]:
        parts = [("file", (name, content)) for name, content in files.items()]
        answer = self.call("POST", f"sources/{source_id}/upload", files=parts)
        found: list[dict[str, Any]] = answer["documents"]
        return found

    def ingest(self, source_id: str) -> str:
        """Schedule; returns the job's id."""
        return str(self.call("POST", f"sources/{source_id}/ingest", status=202)["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"ingest-jobs/{job_id}")

    def finish(self, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the job's end; returns it."""
        wait_for(f"job {job_id} ends", lambda: self.job(job_id)["state"] in ENDED, seconds)
        return self.job(job_id)

    def make_source(self, name: str, files: Mapping[str, str | bytes]) -> str:
        """A file source with these files, not yet ingested; its id."""
        source = self.post("sources", name=name, type="file")
        self.upload(source["id"], files)
        return str(source["id"])

    def stream(self, bot_id: str, message: str) -> Iterator[StreamEvent]:
        """The events of a streamed chat as they come."""
        body = {"bot_profile_id": bot_id, "message": message, "stream": True}
        with self.http.stream("POST", "/v1/chat", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            yield from events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[StreamEvent]:
    """Server-sent events from their lines."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield StreamEvent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
