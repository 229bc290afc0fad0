"""Encodings without a mark: other scripts in UTF-16, a NUL or a broken byte in a text."""

from __future__ import annotations

import struct
from random import Random

import pytest

from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.text import normalize_text
from minirag.errors import UnreadableSource

TEXTS = {
    "ja": "東京都は、日本の首都であり、世界最大の都市の一つである。社員は毎年休暇を取れます。\n",
    "zh": "北京是中华人民共和国的首都。员工每年可享受二十天带薪休假。如有疑问请联系人事部门。\n",
    "ko": "대한민국의 수도는 서울이다. 직원은 매년 이십일의 유급 휴가를 받을 수 있습니다.\n",
    "ru": "Москва — столица России. Сотрудники получают двадцать дней отпуска каждый год.\n",
    "el": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.\n",
    "ar": "القاهرة هي عاصمة مصر. يحصل الموظفون على عشرين يوم إجازة.\n",
    "th": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย พนักงานได้รับวันหยุด\n",
}
NUMBERS = Random(1)


def read(data: bytes, key: str = "a.txt") -> str:
    return parse_bytes(data, Hints(key), ContentLimits()).text


@pytest.mark.parametrize("times", [1, 60])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", TEXTS)
def test_any_script_is_read_in_utf16_without_a_mark(name: str, encoding: str, times: int) -> None:
    text = TEXTS[name] * times
    assert read(text.encode(encoding)) == normalize_text(text)


def test_one_nul_makes_no_text_a_binary_file() -> None:
    log = b"first line of log\n\x00second\n" + b"normal text line of a log\n" * 4_000
    assert read(log).startswith("first line of log\nsecond\nnormal")
    assert read(b"a,b\n1,x\x00y\n2,z\n", "a.csv") == "a | b\n1 | xy\n2 | z"
    for log in (b"10.0.0.1 GET /a 200\n" * 99, b"=-=-" * 99, b"word " * 99):
        assert read(log + b"\x00x" + log) == normalize_text((log + b"x" + log).decode())
    german = "Grüße aus Köln\n".encode("cp1252") * 200
    assert "Köln\nGrüße" in read(german + b"\x00" + german)


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"text of some kind " * 400,
        b"name.txt" + bytes(92) + b"0000644\x00" * 4 + bytes(300) + b"a packed text\n" * 900,
        struct.pack("<600h", *(NUMBERS.randrange(-900, 900) for _ in range(600))),
        struct.pack("<600h", *(NUMBERS.randrange(2_000) for _ in range(600))),
        struct.pack("<600I", *(NUMBERS.randrange(70_000) for _ in range(600))),
        Random(7).randbytes(4_000),
        b"short\x00\x00\x01",
        b"\x00".join(b"%d" % number for number in range(500)),
    ],
)
def test_real_binaries_stay_refused(data: bytes) -> None:
    with pytest.raises(UnreadableSource, match="cannot be read"):
        read(data)


@pytest.mark.parametrize("broken", [b"\xc3", b"\xe2\x82", b"\xff"])
def test_one_broken_byte_leaves_a_short_text_as_it_is(broken: bytes) -> None:
    words = "Grüße aus Köln, schöne Zeit"
    assert read(words.encode() + broken) == f"{words}\ufffd"
    assert read("Käse".encode() + b"\xc3") == "Käse\ufffd"


def test_a_last_letter_alone_tells_nothing() -> None:
    assert read("Ein Café".encode("cp1252")) == "Ein Café"


@pytest.mark.parametrize(("name", "encoding"), [("ja", "iso2022_jp"), ("ko", "iso2022_kr")])
def test_an_encoding_of_seven_bits_is_no_ascii(name: str, encoding: str) -> None:
    text = TEXTS[name] * 3
    assert read(text.encode(encoding)) == normalize_text(text)
    assert read(b"\x1b$B\x01\x02 a terminal's colours").startswith("$B")


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Правила внутреннего распорядка", "cp1251 koi8_r cp866 iso8859_5"),
        ("Заявление на отпуск подаётся за две недели.", "cp1251 koi8_r cp866 mac_cyrillic"),
        ("Ласкаво просимо до України", "cp1251 koi8_u cp1125"),
        ("ПРАВИЛА ВНУТРІШНЬОГО РОЗПОРЯДКУ", "cp1251 cp1125"),
        ("ПРАВИЛА ВНУТРЕННЕГО РАСПОРЯДКА", "cp1251 koi8_r cp866"),
        ("Ώρες λειτουργίας του γραφείου", "cp1253"),
        ("ΚΑΝΟΝΙΣΜΟΣ ΕΡΓΑΣΙΑΣ", "cp1253 iso8859_7"),
        ("תודה רבה", "cp1255 iso8859_8"),
        ("שעות הפתיחה: 9 עד 17", "cp1255"),
        ("شكرا جزيلا لكم", "cp1256 iso8859_6"),
        ("ขอบคุณมากครับ", "cp874"),
        ("เวลาทำการ 9 ถึง 17", "cp874"),
        ("営業時間は九時からです", "cp932 euc_jp"),
        ("ホテルのサービス", "cp932 euc_jp"),
        ("감사합니다", "cp949"),
        ("营业时间从九点开始", "gb18030"),
        ("營業時間從九點開始", "big5"),
        ("Die Türen öffnen früh, außer an Feiertagen.", "cp1252 cp850 cp437 mac_roman"),
        ("Une réunion à la fenêtre, près de la forêt, ça va.", "cp1252 cp850 mac_roman"),
        ("┌──────┐\n│ Grün │\n└──────┘", "cp850 cp437"),
        ("Öğle yemeği için çalışanlar şimdi çıkıyor", "cp1254"),
        ("Kiekvienas darbuotojas turi teisę į ąžuolą, šešias žąsis", "cp1257"),
        ("Visi cilvēki piedzimst brīvi un vienlīdzīgi savā pašcieņā un tiesībās.", "cp1257"),
        ("Darbinieku iekšējās kārtības noteikumi", "cp1257"),
        ("DARBINIEKU IEKŠĒJĀS KĀRTĪBAS NOTEIKUMI", "cp1257"),
        ("Darbo tvarkos taisyklės ir kita", "cp1257"),
        ("DIE TÜREN ÖFFNEN FRÜH, AUSSER AN FEIERTAGEN.", "cp1252 cp850 cp437 mac_roman"),
        ("RÈGLEMENT INTÉRIEUR DE LA SOCIÉTÉ", "cp1252 cp850 mac_roman"),
        ("NORMAS DE RÉGIMEN INTERIOR PARA EL AÑO", "cp1252 cp850 mac_roman"),
        ("ALLA MÄNNISKOR ÄR FÖDDA FRIA", "cp1252 cp850 cp437"),
        ("DZIĘKUJEMY ZA ZAMÓWIENIE KSIĄŻKI", "cp1250 iso8859_2 cp852"),
        ("OTEVÍRACÍ DOBA KANCELÁŘE, ŽÁDOST", "cp1250 iso8859_2 cp852"),
        ("Köszönjük a megrendelést", "cp1250 iso8859_2 cp852"),
        ("KÖSZÖNJÜK A MEGRENDELÉST", "cp1250 iso8859_2 cp852"),
        ("Sýna allt", "cp1252"), ("Français, Español, Íslenska, Norsk bokmål", "cp1252"),
        ("Nº 5", "cp1252"), ("µm", "cp1252"), ("We’re open, £5", "cp1252"), ("20–30 °C", "cp1252"),
        ("A “quoted”word, äöüß and 5½ £ – it’s “one”.", "cp1252"),
        ("Norueguês Bokmål", "cp1252"),
    ],
)  # fmt: skip
def test_a_short_text_tells_its_encoding(text: str, encodings: str) -> None:
    for encoding in encodings.split():
        assert read(text.encode(encoding)) == normalize_text(text), encoding
