"""The real server on loopback: daphne, the embedded store, MiniLM and quotes, no fakes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.doubles.openai_server import OpenAIDouble
from tests.faults.house import House, open_house, shared_template
from tests.parsing.makers import make_pdf

TEXT = (
    "# Fuel\n\nFuel receipts are handed in within seven days after the journey.\n\n"
    "# Tyres\n\nThe tyre pressure of a delivery van is checked every Monday morning.\n"
)
QUESTION = "Within how many days are fuel receipts handed in?"


class Served:
    """A running server with one tenant, one bot and one text."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.token = house.token
        self.client = house.api().http
        source = self.post("/v1/sources", {"name": "Fleet", "type": "text", "content": TEXT}, 201)
        assert house.api().finish(house.api().ingest(source["id"]))["state"] == "succeeded"
        bot = {"name": "Fleet", "source_ids": [source["id"]]}
        self.bot: dict[str, Any] = self.post("/v1/bot-profiles", bot, 201)

    def post(self, path: str, data: dict[str, Any], status: int) -> Any:
        answer = self.client.post(path, json=data)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("whole") / "house"
    template = shared_template(tmp_path_factory)
    with open_house(template, folder, MINIRAG_ANSWER_CHARS="1500000") as house:
        house.serve()
        yield Served(house)


def test_the_bytes_of_a_stream(served: Served) -> None:
    body = {"bot_profile_id": served.bot["id"], "message": QUESTION, "stream": True}
    with served.client.stream("POST", "/v1/chat", json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        raw = b"".join(answer.iter_raw()).decode()
    blocks = raw.removesuffix("\n\n").split("\n\n")
    for number, block in enumerate(blocks, start=1):
        assert re.fullmatch(rf"id: {number}\nevent: [a-z]+\ndata: \{{.*\}}", block), block
    done = json.loads(blocks[-1].split("data: ", 1)[1])
    assert "seven days" in done["answer"] and not done["refused"]
    text = "".join(
        json.loads(block.split("data: ", 1)[1])["text"]
        for block in blocks
        if "event: delta" in block
    )
    assert text == done["answer"]
    citation = done["citations"][0]
    assert citation["verified"] is True
    document = served.client.get(f"/v1/documents/{citation['document_id']}").json()
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert done["usage"]["cost_usd"] == "0" and done["usage"]["estimated"] is False


def test_a_quote_of_a_pdf_is_cited_with_its_own_page(served: Served) -> None:
    """Short pages share a chunk; the quote stands on the last of them."""
    pages = (
        "The okapi is a shy animal of the forests of Congo.",
        "The middle page is about gardening and watering plants.",
        "The quagga became extinct in 1883 at the zoo of Amsterdam.",
    )
    api = served.house.api()
    pdf = make_pdf([[(words, -1)] for words in pages])
    source = api.make_source("Animals", {"animals.pdf": pdf})
    assert api.finish(api.ingest(source))["state"] == "succeeded"
    bot = served.post("/v1/bot-profiles", {"name": "Zoo", "source_ids": [source]}, 201)
    question = "When did the quagga become extinct?"
    body = {"query": question, "source_ids": [source]}
    (hit,) = served.post("/v1/search", body, 200)["hits"]
    assert hit["page"] == 1, "a hit's page is where its passage begins"
    answer = served.post("/v1/chat", {"bot_profile_id": bot["id"], "message": question}, 200)
    (citation,) = (one for one in answer["citations"] if "1883" in one["quote"])
    assert citation["page"] == 3
    path = f"/v1/messages/{answer['message_id']}/citations/{citation['marker']}"
    assert served.client.get(path).json()["page"] == 3


def test_another_topic_is_refused(served: Served) -> None:
    body = {"bot_profile_id": served.bot["id"], "message": "Who painted the Mona Lisa?"}
    answer = served.post("/v1/chat", body, 200)
    assert answer["refused"] and answer["finish_reason"] == "refused"


def test_a_command_beside_the_server_asks_through_it(served: Served) -> None:
    answer = served.house.manage("ask", QUESTION, "--bot", served.bot["slug"])
    assert "seven days" in answer and "[1]" in answer
    lines = (
        ("ask", QUESTION, "--bot", "nobody"),
        ("ask", QUESTION, "--bot", served.bot["slug"], "--tenant", "nope"),
        ("ask", "", "--bot", served.bot["slug"]),
    )
    bot, tenant, field = served.house.manage_each(*lines, code=1)
    assert "no bot 'nobody'" in bot and "no tenant 'nope'" in tenant
    assert "question: This field may not be blank." in field


def dial(served: Served, path: str = "/ws/v1/chat", bearer: str | None = None) -> ClientConnection:
    offers = ["minirag.v1", f"bearer.{bearer or served.token}"]
    protocols = [Subprotocol(offer) for offer in offers]
    url = str(served.client.base_url).replace("http", "ws", 1).rstrip("/")
    return connect(url + path, subprotocols=protocols, max_size=None)


def test_an_answer_larger_than_a_clients_frame_may_be_comes_over_the_websocket(
    served: Served,
) -> None:
    """The library's limit is one for both directions: a longer ``done`` was never sent."""
    with OpenAIDouble() as double:
        credentials = {"api_key": "sk-large", "api_base": double.base_url}
        bot = {"name": "Large", "model": "openai/fault-big-chunk", "credentials": credentials,
               "source_ids": served.bot["source_ids"], "score_threshold": 0,
               "query_rewrite": "off"}  # fmt: skip
        made = served.post("/v1/bot-profiles", bot, 201)
        question = {"type": "ask", "id": "c1", "bot_profile_id": made["id"], "message": QUESTION}
        with dial(served) as socket:
            assert socket.subprotocol == "minirag.v1"
            socket.send(json.dumps(question))
            frames = [json.loads(socket.recv(timeout=30))]
            while frames[-1]["type"] not in ("done", "error"):
                frames.append(json.loads(socket.recv(timeout=30)))
    assert frames[-1]["type"] == "done", frames[-1]
    text = "".join(frame["text"] for frame in frames if frame["type"] == "delta")
    assert text == frames[-1]["answer"] == "x" * 1_000_000


def test_what_the_server_itself_would_refuse_has_our_answers(served: Served) -> None:
    with dial(served) as socket, pytest.raises(ConnectionClosedError) as closed:
        socket.send("x" * 600_000)
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4409
    with pytest.raises(InvalidStatus) as refused:
        dial(served, "/ws/v1/nothing")
    told(refused.value.response, 403, "not_found")
    with pytest.raises(InvalidStatus) as refused:
        dial(served, bearer="nobody")
    told(refused.value.response, 403, "unauthenticated")


def test_a_handshake_that_is_none_has_our_shape(served: Served) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer = httpx.get(
        f"http://127.0.0.1:{served.house.port}/ws/v1/chat", headers=headers, timeout=10
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "bad_request")
    assert answer.headers["X-Request-ID"] == error["request_id"]


def told(answer: Any, status: int, code: str) -> None:
    """The API's error body in the answer to a handshake."""
    error = json.loads(answer.body)["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert answer.headers["X-Request-ID"] == error["request_id"] and error["message"]
