"""The embedded server ends at once and cleanly, whatever is open; and says why it cannot start."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.api_client import StreamEvent
from tests.doubles.openai_paced import PacedDouble
from tests.faults.house import House

# What a crash, or a task nobody ended, leaves in the output.
UGLY = ("Traceback", "Segmentation", "Fatal Python", "was destroyed", "never awaited", "Exception")
SECONDS = 10.0
# It takes 0.3 s; the rest is for a busy machine.
IDLE_SECONDS = 4.0


@pytest.fixture
def bot_id(house: House, double: PacedDouble) -> str:
    """A bot on a running server whose answers take minutes."""
    house.serve()
    source_id = house.api().make_source("Kettle", {"kettle.md": "# Kettle\n\nIt boils water."})
    assert house.api().finish(house.api().ingest(source_id))["state"] == "succeeded"
    return house.make_bot(double, "openai/paced-5000-50", [source_id])


def until_deltas(stream: Iterator[StreamEvent], wanted: int) -> str:
    """Read until so many pieces came; the message's id."""
    first = next(stream)
    for event in stream:
        assert event.name in ("retrieval", "delta"), event
        wanted -= event.name == "delta"
        if not wanted:
            break
    return str(first.data["message_id"])


def heard_to_the_end(ws: ClientConnection) -> list[dict[str, Any]]:
    """All frames up to the close frame of a server that goes."""
    frames = []
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            frames.append(json.loads(ws.recv(20)))
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    return frames


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_signal_with_streams_open(house: House, bot_id: str, number: int) -> None:
    server = house.server
    assert server is not None
    stream = house.api().stream(bot_id, "What does the kettle do?")
    messages = [until_deltas(stream, 3)]
    protocols = ["minirag.v1", f"bearer.{house.token}"]
    with connect(f"ws://127.0.0.1:{house.port}/ws/v1/chat", subprotocols=protocols) as ws:  # type: ignore[arg-type]
        ws.send(json.dumps({"type": "ask", "id": "a", "bot_profile_id": bot_id, "message": "Hm?"}))
        frames = [json.loads(ws.recv(20)) for _ in range(4)]
        messages.append(frames[0]["message_id"])
        begun = time.monotonic()
        server.signal(number)
        ends = [list(stream)[-1].data, heard_to_the_end(ws)[-1]]
        assert server.wait(SECONDS + 5) == 0, server.output
        assert time.monotonic() - begun < SECONDS
    for message_id, end in zip(messages, ends, strict=True):
        assert (end["code"], end["retryable"]) == ("unavailable", True)
        assert end["message_id"] == message_id
    assert not [word for word in UGLY if word in server.output], server.output
    rows = house.rows("SELECT status, content, error FROM chat_message WHERE role = 'assistant'")
    assert [status for status, _, _ in rows] == ["interrupted"] * len(messages)
    assert all(content.startswith("w0 w1 ") for _, content, _ in rows)
    assert all(json.loads(error)["code"] == "unavailable" for _, _, error in rows)


def test_a_signal_with_nothing_open(house: House) -> None:
    server = house.serve()
    assert server.end(IDLE_SECONDS) == 0
    assert not [word for word in UGLY if word in server.output], server.output


def test_a_port_in_use_is_named(house: House) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        printed = house.manage("serve", "--port", str(port), code=1)
    assert f"Port {port} on 127.0.0.1 cannot be used" in printed
    assert "Traceback" not in printed
    assert house.serve().end() == 0, "the folder is free again"


def test_a_second_server_on_the_same_folder_names_the_first(house: House) -> None:
    first = house.serve()
    second = house.manage("serve", "--port", "0", code=1)
    assert f"process {first.popen.pid} at http://127.0.0.1:{house.port}" in second
    assert "Traceback" not in second
    assert first.running()


def test_an_unmigrated_folder_says_what_to_do(house: House) -> None:
    (house.data / "minirag.sqlite3").unlink()
    printed = house.manage("serve", code=1)
    assert "manage.py migrate" in printed
    assert "Traceback" not in printed
