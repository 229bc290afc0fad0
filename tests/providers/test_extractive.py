"""``local/extractive``: quotes to the letter, with markers, in an order that reads well."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirag.providers.extractive import ExtractiveChatModel
from minirag.providers.extractive.scoring import CANDIDATES, MOST_QUOTES
from minirag.providers.extractive.sentences import LONGEST, pieces
from minirag.providers.fakes import FakeEmbedder
from minirag.types import ChatRequest, Delta, Finish, Passage
from tests.provider_fixtures import passage

HANDBOOK = """# Paid leave

Employees get 28 days of paid leave per year, e.g. for rest. Dr. Smith approves requests at 9 a.m.
on Mondays. Unused days expire on 31 March [3].

| Country | Days |
|---|---|
| Germany | 30 |

- Ask your manager two weeks ahead. She answers soon.
1. Sick leave needs a note

Remote work

```bash
leave book --days 3
```
"""


def texts(passage_text: str) -> list[str]:
    return [piece.text for piece in pieces(passage_text)]


def test_pieces_of_a_handbook() -> None:
    assert texts(HANDBOOK) == [
        "Employees get 28 days of paid leave per year, e.g. for rest.",
        "Dr. Smith approves requests at 9 a.m.\non Mondays.",
        "Unused days expire on 31 March",
        "Germany | 30",
        "Ask your manager two weeks ahead.",
        "She answers soon.",
        "1. Sick leave needs a note",
        "```bash\nleave book --days 3\n```\n",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("日本語の文です。次の文です！最後", ["日本語の文です。", "次の文です！", "最後"]),
        ("It costs $3.50 a unit. Is it? Yes!", ["It costs $3.50 a unit.", "Is it?", "Yes!"]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("J. R. Hartley wrote it. It sold.", ["J. R. Hartley wrote it.", "It sold."]),
        ("Use v1.2.3 of foo.bar. Not v2.", ["Use v1.2.3 of foo.bar.", "Not v2."]),
        ("# Only a heading", ["# Only a heading"]),
        ("", []),
        ("  \n\n ", []),
        ("Wait… what? ok", ["Wait…", "what?", "ok"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("aB .!?。\n|-#`[1]\t,é日"), max_size=120))
def test_every_piece_is_a_slice(text: str) -> None:
    for piece in pieces(text):
        assert text[piece.start : piece.end] == piece.text != ""
        assert len(piece.text) <= LONGEST
        assert not re.search(r"\[\d{1,3}\]", piece.text), "a source's mark would read as a citation"


def test_splitting_is_linear() -> None:
    for text in ("a. " * 50_000, "[1]" * 50_000, "|" * 100_000, "\n" * 100_000, "x" * 200_000):
        pieces(text)


async def answer(
    question: str,
    *passages: Passage,
    limit: int | None = None,
    embedder: FakeEmbedder | None = None,
) -> tuple[str, Finish]:
    model = ExtractiveChatModel(embedder or FakeEmbedder(256))
    request = ChatRequest((), question, passages, max_output_tokens=limit)
    items = [item async for item in model.stream(request)]
    *deltas, finish = items
    assert isinstance(finish, Finish)
    return "".join(item.text for item in deltas if isinstance(item, Delta)), finish


async def test_it_quotes_what_answers_and_cites_it() -> None:
    text, _ = await answer("When do unused days expire?", passage(HANDBOOK, 4))
    assert text.startswith("Unused days expire on 31 March [4]")


async def test_quotes_are_grouped_by_passage_and_verbatim() -> None:
    first = passage("The kettle has a warranty of three years. It is blue.", 1)
    second = passage("Warranty claims go to the shop. The kettle warranty excludes lime.", 2)
    text, _ = await answer("What about the kettle warranty?", first, second)
    groups = text.split("\n\n")
    assert len(groups) == 2
    markers = [re.findall(r"\[(\d)\]", group) for group in groups]
    assert all(len(set(found)) == 1 for found in markers), "a paragraph quotes one passage"
    sources = {"1": first.text, "2": second.text}
    for quote, marker in re.findall(r"\s*(.+?) \[(\d)\]", text):
        assert quote in sources[marker]
    assert len(re.findall(r"\[\d\]", text)) <= MOST_QUOTES


async def test_the_same_sentence_of_two_chunks_is_said_once() -> None:
    same = "The kettle has a warranty of three years."
    text, _ = await answer("kettle warranty", passage(same, 1), passage(same + " Bye.", 2))
    assert text.count(same) == 1


async def test_a_row_comes_as_a_table_with_its_header() -> None:
    table = "| Country | Days of leave |\n|---|---|\n| France | 25 |\n| Germany | 30 |\n"
    text, _ = await answer("How many days of leave in Germany?", passage(table))
    assert text.splitlines() == [
        "Country | Days of leave [1]", "--- | ---", "Germany | 30 [1]",
    ]  # fmt: skip


async def test_an_empty_first_column_stays_one() -> None:
    table = "| | Otter | Ox |\n|---|---|---|\n| Weight | 41 kg | 56 kg |\n| Price | £5 | £8 |\n"
    text, _ = await answer("What is the weight of the Ox?", passage(table))
    head, rule, row = text.splitlines()
    assert head == "| | Otter | Ox [1]" and rule.count("---") == 3
    assert row == "Weight | 41 kg | 56 kg [1]"


async def test_code_comes_as_a_block() -> None:
    text, _ = await answer(
        "How do I book leave days?", passage("```bash\nleave book --days 3\n```\n")
    )
    assert text == "```bash\nleave book --days 3\n```\n [1]"


PDF_PAGE = """Error codes
Code Meaning What to do
E14 Battery cell imbalance Charge fully twice
E21 Motor too hot
Let cool, check load and
gear
Error code E23 means a fault of the motor controller, and then the motor unit has to be

replaced. Error code E42 means that the signature is wrong.
Firmware
The battery must be charged to at least 30 percent before a firmware update, and the
Update takes nine minutes."""


def test_lines_of_a_pdf_are_told_from_wrapped_prose() -> None:
    assert texts(PDF_PAGE) == [
        "Error codes",
        "Code Meaning What to do",
        "E14 Battery cell imbalance Charge fully twice",
        "E21 Motor too hot",
        "Let cool, check load and\ngear",
        "Error code E23 means a fault of the motor controller, and then the motor unit has to be"
        "\n\nreplaced.",
        "Error code E42 means that the signature is wrong.",
        "Firmware",
        "The battery must be charged to at least 30 percent before a firmware update, and the\n"
        "Update takes nine minutes.",
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does error code E42 mean?", "Error code E42 means that the signature is wrong. [1]"),
        ("E21", "E21 Motor too hot [1]"),
        ("eror code E42 signatur", "Error code E42 means that the signature is wrong. [1]"),
    ],
)
async def test_one_quote_where_one_answers(question: str, expected: str) -> None:
    assert (await answer(question, passage(PDF_PAGE)))[0] == expected


async def test_each_of_two_questions_gets_its_quote() -> None:
    text = "The Otter is red. The Otter weighs 41 kg. Its box carries 90 kg. Bells are extra."
    said, _ = await answer(
        "How much does the Otter weigh and what does its box carry?", passage(text)
    )
    assert said == "The Otter weighs 41 kg. [1] Its box carries 90 kg. [1]"


async def test_a_follow_up_is_read_with_its_query() -> None:
    text = "The frame has a warranty of ten years. The battery has a warranty of three years."
    model = ExtractiveChatModel(FakeEmbedder(256))
    request = ChatRequest(
        (), "And on the battery?", (passage(text),), query="And on the battery? warranty"
    )
    said = [item.text async for item in model.stream(request) if isinstance(item, Delta)]
    assert said == ["The battery has a warranty of three years. [1]"]


async def test_the_limit_of_tokens_holds() -> None:
    text, finish = await answer("kettle warranty", passage(), limit=3)
    assert (text, finish.reason, finish.usage.output_tokens) == ("", "length", 0)


async def test_nothing_to_quote_is_no_answer() -> None:
    text, finish = await answer("kettle")
    assert (text, finish.reason) == ("", "stop")


async def test_few_sentences_are_embedded() -> None:
    embedder = FakeEmbedder()
    long = " ".join(f"Sentence number {n} is about topic {n}." for n in range(400))
    await answer("topic 7", passage(long), passage(long, 2), embedder=embedder)
    assert sum(len(call.texts) for call in embedder.calls) <= CANDIDATES + 1
