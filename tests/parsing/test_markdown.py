"""Markdown: what is text stays, what is around it goes, and headings are those that are shown."""

from __future__ import annotations

import time

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes


def parse(text: str) -> Built:
    return parse_bytes(text.encode(), Hints("a.md"), ContentLimits())


def titles(built: Built) -> list[str]:
    return [title for _, _, _, title in built.headings]


@pytest.mark.parametrize(
    "first",
    [
        "\n# Safety manual\n\nNever open the valve above 7 bar.\n",
        "Welcome to the handbook.\n\n# Rules\n\nNever smoke.\n",
        "Welcome to the handbook.",
        "Warning: never open the valve.\n",
        "note: kept\n\n# Safety manual\n\nremark: kept",
        "- one\n- two",
        "\ntitle: no front matter begins with a blank line",
        "See http://x.test for more",
    ],
)
@pytest.mark.parametrize("rule", ["---", "+++"])
def test_a_rule_at_the_start_hides_no_text(first: str, rule: str) -> None:
    text = parse(f"{rule}\n{first}\n{rule}\n\n# Second\n\nOther text.\n").text
    assert text.split() == f"{rule} {first} {rule} # Second Other text.".split()


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("title: Plain\ntags:\n- a\n- b\n\n# a comment\nauthor:\n  name: X\n", "Plain"),
        ("title: >-\n  Folded\n  title\ndescription: x", "Folded title"),
        ("title: |  # as it is\n  Block\nx: y", "Block"),
        ('title: "CRLF: doc" # c', "CRLF: doc"),
        ("title: 'It''s # one' # c", "It's # one"),
        ('title: "a \\"b\\" \\u00e4 \\x41"', 'a "b" u00e4 x41'),
        ('title: "a \\"b\\" \\u00e4"', 'a "b" ä'),
        ("title: C# and F # c", "C# and F"),
        ("title: A long one\n  goes on # c\nx: y", "A long one goes on"),
        ("# c\nlayout: post\nsub title: no\n\"title\": Quoted key", "Quoted key"),
        ("layout: post", "Heading"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_front_matter_goes_and_names_the_title(front: str, title: str, end: str) -> None:
    front = front.rstrip("\n")
    built = parse(f"---\n{front}\n---\n\n# Heading\n\nWords.\n".replace("\n", end))
    assert (built.title, built.text) == (title, "# Heading\n\nWords.")


def test_front_matter_in_toml() -> None:
    built = parse('+++\ntitle = "Hugo"\n[params]\ntags = [\n"a",\n]\n+++\n\n# Heading\n\nWords.\n')
    assert (built.title, built.text) == ("Hugo", "# Heading\n\nWords.")


@pytest.mark.parametrize("front", ["a = " + "[" * 19_000, "a: " + '"\\' * 9_000, "a: b\n" * 4_000])
def test_front_matter_that_is_hostile_harms_nothing(front: str) -> None:
    for rule in ("---", "+++"):
        assert parse(f"{rule}\n{front}\n{rule}\n\n# Heading\n").title == "Heading"


@pytest.mark.parametrize(
    "code",
    [
        "- ```sh\n  # a comment\n  make\n  ```\n- next",
        "1. Clone:\n\n   ```sh\n   # get it\n   ```\n\n2. ```sh\n   # build it\n   make\n   ```",
        "- a\n\t- ~~~\n\t  # comment\n\t  ~~~",
        "    - 10) ```\n          # comment\n          ```",
        "- ```sh\n  # never closed, but the item ends",
        "~~~\n# code\n```\n# code\n~~~",
    ],
)
def test_code_in_a_list_item_ends_with_its_fence(code: str) -> None:
    built = parse(f"# Guide\n\n{code}\n\n## After\n\ntext\n\n## More\n")
    assert titles(built) == ["Guide", "After", "More"]
    assert built.text.split() == f"# Guide {code} ## After text ## More".split()


def test_headings_in_comments_are_none() -> None:
    text = (
        "# A\n\n<!--\n# Hidden\n```\n-->\n\n<!-- x -->\n## B\n\n  <!-- # y\n## Hidden -->\n\n## C\n"
    )
    built = parse(text)
    assert titles(built) == ["A", "B", "C"]
    assert built.text.count("Hidden") == 2


def test_a_comment_that_is_never_closed_hides_nothing() -> None:
    assert titles(parse("# A\n\n<!-- open\n\n## B\n\nx <!-- y\n## C\n")) == ["A", "B", "C"]


@pytest.mark.parametrize("line", ["- " * 400, "1. " * 400 + "```", "- ``` `" * 200, "<!--" * 300])
def test_many_marks_take_no_time(line: str) -> None:
    assert parse("# Title\n\n" + f"{line}\n" * 3_000).title == "Title"


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("# a" + " " * 980 + "b", 500),
        ("\\*" + ("".join("`" * n + "a" for n in range(1, 60)) + "a" * 300) * 1_000, 1),
    ],
)
def test_blanks_in_headings_and_ticks_in_lines_take_no_time(line: str, times: int) -> None:
    began = time.process_time()
    parse(f"{line}\n" * times)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("mark", ["#", "##", "######"])
def test_signs_behind_a_heading_are_none_of_it(mark: str) -> None:
    for line, title in {
        f"{mark} a b {mark}": "a b", f"{mark} a#": "a#", f"{mark}\ta \t##\t ": "a",
        f"   {mark}  C# ": "C#", f"{mark} # x #": "# x",
    }.items():  # fmt: skip
        assert titles(parse(f"{line}\n")) == [title]
    for line in (f"{mark}a", f"    {mark} a", mark, f"{mark} ##", "####### a"):
        assert titles(parse(f"{line}\n\nx")) == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"2 \* 3 = \_six\_", "2 * 3 = _six_"),
        (r"C:\new\table and \alpha", r"C:\new\table and \alpha"),
        (r"1\. no item", "1. no item"),
        (r"a \\ b", "a \\ b"),
        (r"\\server\share and \\\\server\\share", r"\\server\share and \\server\share"),
        (r"`a\*b` and ``c\`d`` and e\*f", r"`a\*b` and ``c\`d`` and e*f"),
        (r"$\{x \in A\}$ and \$5 and \$6", r"$\{x \in A\}$ and $5 and $6"),
        (r"| a\|b | c\*d |", r"| a\|b | c*d |"),
        ("$$\n\\{a\\} \\\\\n= 2\n$$\n2 \\* 3", "$$\n\\{a\\} \\\\\n= 2\n$$\n2 * 3"),
        ("\\begin{a*}\n\\{\n\\end{a*}\n\\{", "\\begin{a*}\n\\{\n\\end{a*}\n{"),
        ("$$ open\n\\{\n\n\\{", "$$ open\n\\{\n\n{"),
        (r"$$ 5 \* and $$ 6 \*", "$$ 5 * and $$ 6 *"),
        ("```\na\\*b\n```\nc\\*d", "```\na\\*b\n```\nc*d"),
        ("    a\\*b\n    c\\*d\n\ne\\*f", "a\\*b\nc\\*d\n\ne*f"),
        ("- item\n\n    more\\*", "- item\n\nmore*"),
        ("ends\\", "ends\\"),
    ],
)
def test_escapes_are_no_text(written: str, shown: str) -> None:
    assert parse(written).text == shown


def test_a_heading_keeps_the_signs_that_are_escaped() -> None:
    built = parse("# 2 \\* 3 and C:\\new\n\n\\# no heading")
    assert titles(built) == ["2 * 3 and C:\\new"]
    assert built.text == "# 2 * 3 and C:\\new\n\n# no heading"
