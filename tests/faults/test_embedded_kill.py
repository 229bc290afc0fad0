"""``kill -9`` of the embedded server in the middle of an ingest: ready once, nothing twice."""

from __future__ import annotations

from collections import Counter

from tests.doubles.openai_paced import PacedDouble
from tests.doubles.openai_server import DIMENSIONS
from tests.faults.house import MODEL, PROVIDER_KEY, House
from tests.processes import wait_for

DOCUMENTS = 24
BATCH, LANES = 128, 2
# Calls answered before the next are held: the model's dimensions, and one round.
ANSWERED = 1 + LANES


def files() -> dict[str, str]:
    """Documents of about twenty chunks each, no two of them alike."""

    def part(number: int, place: int) -> str:
        screws = (f"Screw {number}-{place}-{screw} takes {screw} newtons." for screw in range(8))
        return f"## Part {number}.{place}\n\n{' '.join(screws)}"

    return {
        f"manual-{number:02}.md": "\n\n".join(part(number, place) for place in range(22))
        for number in range(DOCUMENTS)
    }


def embedded(double: PacedDouble) -> Counter[str]:
    """How often each text was sent to be embedded."""
    asked = [one.body["input"] for one in double.history if one.path.endswith("/embeddings")]
    return Counter(text for texts in asked for text in texts)


def test_kill_in_the_middle_of_an_ingest(house: House, double: PacedDouble) -> None:
    killed = house.serve()
    house.use_remote_embeddings(double)
    source_id = house.api().make_source("Manuals", files())
    double.hold(after=ANSWERED)
    job_id = house.api().ingest(source_id)
    assert double.holding.wait(60), "the provider was never asked"
    wait_for("the round is in the ledger", lambda: settled(house) == charged(double))
    killed.kill_group()
    assert double.idle.wait(10), "its calls were never hung up"
    double.let_go()

    house.serve()
    job = house.api().finish(job_id, seconds=90)
    assert job["state"] == "succeeded", job
    assert_whole(house, source_id)
    assert_once_in_the_ledger(house, double)
    assert house.server is not None
    assert house.server.end() == 0
    rows = {pk for (pk,) in house.rows("SELECT qdrant_point_id FROM sources_chunk")}
    assert house.points(MODEL, DIMENSIONS) == rows


def assert_whole(house: House, source_id: str) -> None:
    api = house.api()
    documents = api.all(f"sources/{source_id}/documents")
    assert sorted(one["key"] for one in documents) == sorted(files())
    assert {one["status"] for one in documents} == {"ready"}
    counts = api.get(f"sources/{source_id}")["counts"]
    assert counts["chunks"] == sum(one["chunk_count"] for one in documents)
    found = house.rows("SELECT count(*), count(DISTINCT qdrant_point_id) FROM sources_chunk")
    assert found == [(counts["chunks"], counts["chunks"])]


def assert_once_in_the_ledger(house: House, double: PacedDouble) -> None:
    texts = embedded(double)
    again = sum(texts.values()) - len(texts)
    assert 0 < again <= LANES * BATCH, f"{again} of {len(texts)} embedded again"
    assert len(texts) > 2 * LANES * BATCH, "there were rounds before and after"
    assert settled(house, estimated=False) == charged(double)
    events = house.api().all("usage/events")
    # Those under way when the process died are closed with it: nobody knows whether they were paid.
    assert {event["status"] for event in events} <= {"settled", "released"}
    assert len([event for event in events if event["estimated"]]) <= LANES


def settled(house: House, *, estimated: bool = True) -> tuple[int, int]:
    """Calls and tokens of the ledger's settled events, those without the provider's numbers too."""
    events = house.api().all("usage/events")
    done = [event for event in events if event["status"] == "settled"]
    done = [event for event in done if estimated or not event["estimated"]]
    return len(done), sum(event["input_tokens"] for event in done)


def charged(double: PacedDouble) -> tuple[int, int]:
    """The same by the provider's own meter."""
    meter = double.meters[PROVIDER_KEY]
    return meter.calls, meter.input_tokens
