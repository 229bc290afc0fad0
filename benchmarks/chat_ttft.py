"""What MiniRAG adds to the first token: ``python -m benchmarks.chat_ttft``.

Time from sending the question to the first piece of text, through ``POST /v1/chat`` streamed,
beside the same provider (a double on loopback) called directly; one at a time, in turns. The
question's own vector comes from ``--embedding``: with ``fake/embedder`` it costs nothing, so the
figure is MiniRAG's own; with ``local/minilm-l6-v2`` it holds the model's time too. Aim: 25 ms or
less added at the median.
"""

from __future__ import annotations

import argparse
import json
import time

import httpx

from benchmarks.figures import median, ms, percentile, table
from benchmarks.surroundings import Bench, bench, data_folder, settings_for

MODEL = "paced-20-0"
QUESTION = "How long is the warranty of the kettle?"
TEXT = "# Kettle\n\n## Warranty\n\nThe Aurora kettle has a warranty of three years.\n"


def make_bot(running: Bench, embedding: str, provider: str, model: str) -> str:
    """A bot with one ingested source, answered by the double."""
    api = running.api()
    api.call("PATCH", "tenants/me", json={"embedding_model": embedding})
    source = api.make_source("Handbook", {"kettle.md": TEXT})
    job = api.finish(api.ingest(source))
    assert job["state"] == "succeeded", job
    bot = api.post(
        "bot-profiles",
        name=f"Bench {model}",
        model=f"openai/{model}",
        credentials={"api_key": "sk-bench-0123456789", "api_base": provider},
        source_ids=[source],
        score_threshold=0,
        query_rewrite="off",
    )
    return str(bot["id"])


def first_token(http: httpx.Client, url: str, body: dict[str, object], mark: str) -> float:
    """Seconds until the first line that holds ``mark``; the rest is read, unmeasured."""
    found = 0.0
    begun = time.perf_counter()
    with http.stream("POST", url, json=body) as answer:
        for line in answer.iter_lines():
            if not found and mark in line:
                found = time.perf_counter() - begun
    assert found, f"{url}: {answer.status_code}"
    return found


def measure(running: Bench, bot: str, provider: str, rounds: int) -> None:
    api = running.api().http
    direct = httpx.Client(headers={"Authorization": "Bearer sk-direct"}, timeout=60)
    ours = {"bot_profile_id": bot, "message": QUESTION, "stream": True}
    messages = [{"role": "system", "content": TEXT}, {"role": "user", "content": QUESTION}]
    plain: dict[str, object] = {"model": MODEL, "messages": messages, "stream": True}
    mark = json.dumps({"content": "w0 "})[1:-1]
    first, base = [], []
    for _ in range(3):
        first_token(api, "/v1/chat", dict(ours), "event: delta")
    for _ in range(rounds):
        base.append(first_token(direct, f"{provider}/chat/completions", plain, mark))
        first.append(first_token(api, "/v1/chat", dict(ours), "event: delta"))
    rows = [
        ["provider called directly", ms(median(base)), ms(percentile(base, 0.95)), ""],
        [
            "through MiniRAG",
            ms(median(first)),
            ms(percentile(first, 0.95)),
            ms(median(first) - median(base)),
        ],
    ]
    table(["time to first token", "p50", "p95", "added at p50"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedding", default="fake/embedder")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        provider = running.provider()
        running.serve()
        bot = make_bot(running, options.embedding, provider, MODEL)
        print(f"embedding {options.embedding}, {options.rounds} rounds, one at a time")
        measure(running, bot, provider, options.rounds)


if __name__ == "__main__":
    main()
