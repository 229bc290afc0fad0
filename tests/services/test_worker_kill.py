"""Whatever is killed or flushed in the middle of an ingest: accepted is done, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.processes import wait_for, wait_until_up
from tests.services.stack import Guest, Stack

DOCUMENTS = 30
# Texts of one embedding call, and calls of one round.
BATCH, LANES = 128, 2
# Calls that are answered before the next ones are held: the model's dimensions, and one round.
ANSWERED = 1 + LANES


def files() -> dict[str, str]:
    """Documents of about twenty chunks each, no two of them alike."""
    return {
        f"manual-{number:02}.md": "\n\n".join(
            f"## Part {number}.{part}\n\n"
            + " ".join(
                f"Screw {number}-{part}-{screw} takes {screw} newton metres." for screw in range(6)
            )
            for part in range(20)
        )
        for number in range(DOCUMENTS)
    }


def embedded(guest: Guest) -> Counter[str]:
    """How often each text was sent to the provider to be embedded."""
    seen = [one for one in guest.stack.openai.history if one.key == guest.key]
    asked = [one.body["input"] for one in seen if one.path.endswith("/embeddings")]
    return Counter(text for texts in asked for text in texts)


def assert_whole(guest: Guest, source_id: str) -> None:
    """Every document is there once, and so is each of its points."""
    api = guest.api(2)
    documents = api.all(f"sources/{source_id}/documents")
    assert sorted(one["key"] for one in documents) == sorted(files())
    assert {one["status"] for one in documents} == {"ready"}
    points: list[str] = []
    for document in documents:
        chunks = api.all(f"documents/{document['id']}/chunks")
        assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
        assert len(chunks) == document["chunk_count"] > 0
        points += [chunk["qdrant_point_id"] for chunk in chunks]
    assert len(set(points)) == len(points)
    assert guest.stack.points(guest.tenant_id, [source_id]) == len(points)


@pytest.fixture
def guest(stack: Stack, request: pytest.FixtureRequest) -> Guest:
    """A new tenant that embeds with the provider."""
    made = stack.new_tenant(f"Guest{abs(hash(request.node.name)) % 10**8}")
    made.use_remote_embeddings()
    return made


@pytest.fixture
def held(stack: Stack, guest: Guest) -> Iterator[str]:
    """An ingest that has come half way and now waits for its embeddings. Its source's id."""
    source_id = guest.api().make_source("Manuals", files())
    stack.openai.hold(after=ANSWERED)
    guest.api().ingest(source_id)
    try:
        assert stack.openai.holding.wait(60), "the provider was never asked"
        wait_for("the round is in the ledger", lambda: guest.settled() == guest.charged())
        yield source_id
    finally:
        stack.openai.let_go()


def finish(guest: Guest, source_id: str) -> None:
    job = guest.api().get("ingest-jobs", source_id=source_id)["results"][0]
    ended = guest.api().finish(job["id"], seconds=90)
    assert ended["state"] == "succeeded", ended


def test_a_worker_killed_in_the_middle_of_an_ingest(stack: Stack, guest: Guest, held: str) -> None:
    stack.kill_worker()
    assert stack.openai.idle.wait(10), "its calls were never hung up"
    stack.openai.let_go()
    stack.start_worker()
    finish(guest, held)
    assert_whole(guest, held)
    texts = embedded(guest)
    again = sum(count - 1 for count in texts.values())
    # The round that was held when the worker died is asked for again, what it had stored is not.
    assert 0 < again <= LANES * BATCH, f"{again} of {len(texts)} embedded again"
    assert len(texts) > 2 * LANES * BATCH, "there were rounds before and after"
    assert guest.settled(estimated=False) == guest.charged()
    events = guest.api().all("usage/events")
    assert len([event for event in events if event["estimated"]]) <= LANES
    assert "reserved" not in {event["status"] for event in events}, "closed with the worker"


def test_redis_flushed_in_the_middle_of_an_ingest(stack: Stack, guest: Guest, held: str) -> None:
    waiting = guest.api().make_source("More", {"more.md": "# More\n\nIt waits in the queue."})
    accepted = guest.api().ingest(waiting)
    stack.flush_redis()
    after = guest.api().make_source("Later", {"later.md": "# Later\n\nIt comes after the flush."})
    accepted_after = guest.api().ingest(after)
    stack.openai.let_go()
    finish(guest, held)
    assert_whole(guest, held)
    for job in (accepted, accepted_after):
        assert guest.api().finish(job)["state"] == "succeeded"
    assert max(embedded(guest).values()) == 1, "nothing was embedded twice"
    assert guest.settled() == guest.charged()


def test_a_web_killed_in_the_middle_of_a_stream(stack: Stack, guest: Guest) -> None:
    """The row says `interrupted`, with the text so far, though nobody was left to write it."""
    source_id = guest.api().make_source("Kettle", {"kettle.md": "# Kettle\n\nIt boils water."})
    assert guest.api().finish(guest.api().ingest(source_id))["state"] == "succeeded"
    bot = guest.make_bot("openai/paced-2000-50", [source_id])
    web = stack.webs[1]
    stream = guest.api(2).stream(bot, "What does the kettle do?")
    message = next(stream).data["message_id"]
    texts = []
    with pytest.raises(Exception, match=r"peer closed|incomplete|reset|disconnect"):
        for event in stream:
            texts.append(event.data.get("text", ""))
            if len(texts) == 4:
                web.kill_group()

    def ended() -> bool:
        return bool(guest.api(1).get(f"messages/{message}")["status"] != "streaming")

    try:
        wait_for("the row is ended by another process", ended, 20)
        row = guest.api(1).get(f"messages/{message}")
        assert row["status"] == "interrupted"
        assert row["error"]["code"] == "unavailable"
    finally:
        again = stack.start_web(stack.ports[1], {"MINIRAG_TRUSTED_PROXIES": "127.0.0.1"})
        stack.webs[1] = stack.webs.pop()
        wait_until_up(again, stack.ports[1])
