"""The demo's own questions, asked of the real demo: real documents, MiniLM, embedded store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from minirag.demo.manifest import (
    GOLDEN,
    SUGGESTED_QUESTIONS,
    UNANSWERABLE,
    WELCOME_MESSAGE,
)
from tests.demo_server import demo_server

# Golden questions that may go unanswered: the answers quote, they do not think.
MOST_MISSES = 2
# Quotes of an answer on average; the demo's questions ask for one fact each.
FEW_QUOTES = 1.5
Answer = dict[str, Any]


class Demo:
    """A demo that is ready, and what it has answered."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._bot = state["bot_profile_id"]
        self._answers: dict[str, Answer] = {}
        self._documents: dict[str, str] = {}
        token = {"Authorization": f"Bearer {state['api_token']}"}
        self.client = httpx.Client(base_url=state["base_url"], headers=token, timeout=60)

    def ask(self, question: str, chat_id: str | None = None) -> Answer:
        body = {"bot_profile_id": self._bot, "message": question}
        reply = self.client.post(
            "/v1/chat", json={**body, **({"chat_id": chat_id} if chat_id else {})}
        )
        assert reply.status_code == 200, reply.text
        answer: Answer = reply.json()
        return answer

    def once(self, question: str) -> Answer:
        """The answer in a chat of its own; asked once for all tests."""
        if question not in self._answers:
            self._answers[question] = self.ask(question)
        return self._answers[question]

    def document(self, document_id: str) -> str:
        if document_id not in self._documents:
            document = self.client.get(f"/v1/documents/{document_id}").json()
            self._documents[document_id] = document["text"]
        return self._documents[document_id]

    def calls(self) -> int:
        """Metered provider calls so far (200 are looked at)."""
        return len(self.client.get("/v1/usage/events", params={"limit": 200}).json()["results"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_server(tmp_path_factory) as state:
        yield Demo(state)


def plain(text: str) -> str:
    """Without markers, spaces as one."""
    return " ".join(re.sub(r" ?\[\d+\]", "", text).split())


def test_greetings_cost_no_call(demo: Demo) -> None:
    before = demo.calls()
    for hello in ("Hello!", "Guten Tag", "buenas tardes", "who are you?", "Thanks, that helped!"):
        answer = demo.ask(hello)
        assert not answer["refused"] and answer["citations"] == []
        assert answer["answer"] in (WELCOME_MESSAGE, "You are welcome.")
    assert demo.calls() == before < 200


def test_golden_questions_are_answered(demo: Demo) -> None:
    missed = [
        f"{golden.question} -> {answer['answer']}"
        for golden in GOLDEN
        if golden.answer not in plain((answer := demo.once(golden.question))["answer"])
    ]
    assert len(missed) <= MOST_MISSES, "\n".join(missed)


def test_golden_answers_cite_the_right_document(demo: Demo) -> None:
    wrong = 0
    for golden in GOLDEN:
        cited = {one["document_id"] for one in demo.once(golden.question)["citations"]}
        wrong += not any(golden.answer in plain(demo.document(one)) for one in cited)
    assert wrong <= MOST_MISSES


def test_answers_are_short(demo: Demo) -> None:
    answers = [demo.once(golden.question)["answer"] for golden in GOLDEN]
    quotes = [len(re.findall(r" \[\d+\]", answer)) for answer in answers]
    assert 1 <= sum(quotes) / len(quotes) <= FEW_QUOTES
    assert max(len(answer) for answer in answers) <= 500


def test_suggested_questions_are_answered(demo: Demo) -> None:
    assert not [one for one in SUGGESTED_QUESTIONS if demo.once(one)["refused"]]


def test_unanswerable_questions_are_refused(demo: Demo) -> None:
    answered = [
        one.question
        for one in UNANSWERABLE
        if not one.near and not demo.once(one.question)["refused"]
    ]
    assert answered == []


def test_a_question_in_another_language_gets_a_calm_refusal(demo: Demo) -> None:
    answer = demo.once("Wie viele Urlaubstage bekomme ich?")
    assert answer["refused"] and answer["citations"] == []


def test_every_quote_is_in_its_document(demo: Demo) -> None:
    """Runs last over what the others asked."""
    for golden in GOLDEN:
        answer = demo.once(golden.question)
        for one in answer["citations"]:
            text = demo.document(one["document_id"])
            assert one["verified"] and text[one["start"] : one["end"]] == one["quote"] != ""
        said = answer["answer"]
        marked = {int(number) for number in re.findall(r" \[(\d+)\]", said)}
        assert marked == {one["marker"] for one in answer["citations"]}
        left = said
        for one in answer["citations"]:
            left = left.replace(f"{one['quote']} [{one['marker']}]", "")
        assert re.fullmatch(r"[\s|-]*", left), f"neither quote nor marker: {left!r}"


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (("How much annual leave do full-time employees get?", "And after five years?"), "33 days"),
        (("How long is the warranty on the frame?", "And on the battery?"), "800 full"),
        (("How much does the Otter weigh?", "And the Ox?"), "56 k"),
        (("How much does the Otter weigh?", "How long is the warranty on the frame?"), "ten years"),
    ],
)
def test_follow_ups(demo: Demo, talk: tuple[str, str], expected: str) -> None:
    first = demo.ask(talk[0])
    assert expected in plain(demo.ask(talk[1], first["chat_id"])["answer"])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("E14", "Error code E14 means that the cells"),
        ("warrenty battery how long", "800 full charging cycles"),
        ("batery warranty how long", "800 full charging cycles"),
        ("hotel London", "£175 per night"),
        ("What does error code E21 mean?", "the motor is too hot"),
        ("How much does the Otter weigh and how much can its box carry?", "up to 90 kilograms"),
        ("How much does the Otter weigh and how much can its box carry?", "41 kilograms"),
    ],
)
def test_short_misspelt_and_double_questions(demo: Demo, question: str, expected: str) -> None:
    assert expected in plain(demo.once(question)["answer"])


def test_a_table_is_answered_with_its_header(demo: Demo) -> None:
    said = demo.once("What does MINIRAG_ENV do?")["answer"].splitlines()
    rule = next(place for place, line in enumerate(said) if re.fullmatch(r"[-| ]+", line))
    assert said[rule - 1].startswith("variable | default") and "MINIRAG_ENV" in said[rule + 1]
