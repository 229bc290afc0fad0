"""robots.txt: read as crawlers do, and too small a thing to stop a worker."""

from __future__ import annotations

import time

import pytest

from ingestion.loaders.robots import MAX_BYTES, Robots

HOST = "http://x.test"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /a", "/a/b", False),
        ("User-agent: *\nDisallow: /\nAllow: /open", "/open/x", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x.pdf", False),
        ("User-agent: googlebot\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: MiniRAG\nDisallow: /b", "/a", True),
        ("User-agent: *\nAllow: /\n\nuser-agent: minirag\nDisallow: /b", "/b", False),
        ("User-agent: googlebot\nUser-agent: *\nDisallow: /a", "/a", False),
        ("\ufeffUser-agent: *\nDisallow: /a", "/a", False),
        ("<html>not one</html>", "/a", True),
        ("Disallow: /a", "/a", True),
    ],
)
def test_rules(text: str, path: str, expected: bool) -> None:
    assert Robots(text.encode()).allows(HOST + path) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("3", 3.0), ("0.5", 0.5), ("-1", 0), ("inf", 0), ("nan", 0), ("x", 0)]
)
def test_the_pause_it_asks_for(value: str, expected: float) -> None:
    assert Robots(f"User-agent: *\nCrawl-delay: {value}".encode()).delay == expected


def test_a_file_that_is_too_long_is_cut_between_lines() -> None:
    rule = b"User-agent: *\nDisallow: /secret\n"
    padding = b"# " + b"x" * (MAX_BYTES - len(rule) - 8) + b"\n"
    cut = Robots(rule + padding + b"Disallow: /abc\nDisallow: /later\n")
    assert not cut.allows(f"{HOST}/secret") and cut.allows(f"{HOST}/later")
    assert cut.allows(f"{HOST}/other")


def test_thousands_of_agents_and_rules_take_no_time() -> None:
    agents = "\n".join(f"User-agent: bot{n}" for n in range(9_000))
    rules = "\n".join(f"Disallow: /{n}/*a*a*a*a*a*a*b$" for n in range(9_000))
    began = time.process_time()
    robots = Robots(f"{agents}\n{rules}".encode())
    assert robots.allows(f"{HOST}/" + "a" * 900)
    assert time.process_time() - began < 5
