"""BM25 terms: the words of every script stay findable, the same for every store."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirag.sparse import encode_document, encode_documents, encode_query
from minirag.types import SparseVector


def score(query: str, document: str) -> float:
    weights = encode_document(document)
    by_index = dict(zip(weights.indices, weights.values, strict=True))
    return sum(by_index.get(index, 0.0) for index in encode_query(query).indices)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("running policies", "He ran? No: he runs by the policy"),
        ("404", "error E_CONN-404 in foo_bar.baz()"),
        ("MINIRAG_DATA_DIR", "set data dir by MINIRAG_DATA_DIR=/x"),
        ("2.3.1", "fixed in version 2.3.1"),
        ("fur", "gilt für Mieter"),
        ("STRASSE", "Die Straße ist gesperrt"),
        ("étude", "l'e\u0301tude de cas"),
        ("ﬁle Ａｐｐｌｅ", "an apple in a file"),
        ("退货政策", "我们的退货政策规定三十天"),
        ("茶", "绿茶和红茶"),
        ("返品", "返品ポリシーにより"),
        ("카드", "카드로 결제하다"),
        ("คืนสินค้า", "ลูกค้าสามารถคืนสินค้าได้ภายในสามสิบวัน"),
        ("منتجات", "يمكن للعملاء إرجاع المنتجات"),
        ("العملاء", "يمكن للعملاء إرجاع المنتجات"),
        ("مُنتَج", "هذا منتج"),
        ("книга", "все книги о Python"),
        ("βιβλίο", "το βιβλίο μου"),
        ("הספר", "קראתי את הספר"),
        ("किताब", "यह किताब अच्छी है"),
    ],
)
def test_words_of_every_script_are_found(query: str, document: str) -> None:
    assert score(query, document) > 0
    assert score(query, "something else entirely") == 0


def test_a_chinese_sentence_is_found_by_its_part_before_its_neighbours() -> None:
    near, far = "客户可以在三十天内退货", "客户可以在三十天内付款"
    assert score("怎么退货", near) > score("怎么退货", far)


def test_more_mentions_weigh_more_but_less_and_less() -> None:
    one, two, many = (score("apple", "apple " * n + "pear " * (60 - n)) for n in (1, 2, 50))
    assert one < two < many < 2.2
    assert two - one > many / 50


def test_a_mention_in_a_short_text_weighs_more() -> None:
    assert score("apple", "apple pie") > score("apple", "apple " + "pie " * 300)


def test_stop_words_go_from_a_query_unless_nothing_else_is_left() -> None:
    assert encode_query("what is the refund policy") == encode_query("refund policy")
    assert len(encode_query("to be or not to be").indices) == 4
    assert score("who", "ask the who about it") > 0


@pytest.mark.parametrize("text", ["", "   ", "???", "\x00", "💡", "\n"])
def test_without_words_the_vector_is_empty(text: str) -> None:
    assert encode_query(text) == encode_document(text) == SparseVector((), ())


@given(st.text(max_size=80))
def test_any_text_encodes_and_finds_itself(text: str) -> None:
    document, query = encode_document(text), encode_query(text)
    assert list(document.indices) == sorted(set(document.indices))
    assert list(query.indices) == sorted(set(query.indices))
    assert set(query.indices) <= set(document.indices)
    assert all(0 < value < 2.2 for value in document.values)
    assert set(query.values) <= {1.0}


@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_batch_is_its_texts_one_by_one(texts: list[str]) -> None:
    assert encode_documents(texts) == [encode_document(text) for text in texts]


def test_lone_surrogates_from_broken_input_are_survived() -> None:
    assert score("apple", "\ud800 apple") > 0


def test_indices_are_the_same_in_another_process() -> None:
    """They are stored: a hash that changes with the process would lose every document."""
    text = "The refund policy, 退货政策, книга, المنتجات"
    code = f"from minirag.sparse import encode_document as e; print(e({text!r}).indices)"
    env = {"PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == str(encode_document(text).indices), done.stderr


def test_indices_never_change() -> None:
    """What is stored was hashed this way; another hash needs a new version of every index."""
    assert encode_document("refund").indices == (517146909,)
    assert encode_document("退货").indices == (810812550, 1612334899, 1653393078)
