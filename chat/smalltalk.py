"""Greetings, thanks, "who are you?": answered in the bot's own words, no search, no provider."""

from __future__ import annotations

import re

_GREETING = re.compile(
    r"(?:hi|hello|hey|howdy|greetings|good (?:morning|afternoon|evening|day)|hi there|hello there|"
    r"hallo|guten (?:tag|morgen|abend)|moin|servus|grüezi|grüß gott|"
    r"bonjour|salut|bonsoir|coucou|hola|buenos días|buenas(?: tardes| noches)?|"
    r"ciao|buongiorno|buonasera|salve|olá|oi|bom dia|boa tarde|boa noite|hoi|goedemorgen|goedendag|"
    r"hej|hei|ahoj|cześć|dzień dobry|merhaba|selam|привет|здравствуйте|привіт|"
    r"你好|您好|こんにちは|안녕하세요|안녕|नमस्ते|مرحبا|السلام عليكم|שלום)"
)
# What is said back to thanks, by language; each line is thanks that are answered alike.
_THANKS = (
    (
        r"thanks|thank you|thx|ty|cheers|many thanks|thanks a lot|thank you (?:so|very) much|"
        r"(?:thanks|thank you),? (?:that (?:helped|helps)|that was helpful|very helpful)",
        "You are welcome.",
    ),
    (r"danke|danke schön|dankeschön|danke sehr|vielen dank|besten dank", "Gern geschehen."),
    (r"merci|merci beaucoup|merci bien", "Je vous en prie."),
    (r"gracias|muchas gracias", "De nada."),
    (r"grazie|grazie mille", "Prego."),
    (r"obrigad[oa]|muito obrigad[oa]", "De nada."),
    (r"dank je|dank je wel|bedankt|dank u|dank u wel", "Graag gedaan."),
    (r"tack|tack så mycket", "Varsågod."),
    (r"takk|tak", "Vær så god."),
    (r"dziękuję", "Proszę bardzo."),
    (r"teşekkürler|teşekkür ederim", "Rica ederim."),
    (r"спасибо|большое спасибо", "Пожалуйста."),
    (r"дякую", "Будь ласка."),
    (r"谢谢|謝謝|多谢", "不客气。"),
    (r"ありがとう|ありがとうございます", "どういたしまして。"),
    (r"감사합니다|고마워요?", "천만에요."),
    (r"धन्यवाद", "आपका स्वागत है।"),
    (r"شكرا", "عفوا."),
    (r"תודה", "בבקשה."),
)
# Questions about the bot itself, and words that only close a talk.
_ABOUT_ITSELF = re.compile(
    r"(?:who|what) are you|what(?:'s| is) your name|what can (?:you do|i ask)(?: you)?|"
    r"what do you (?:do|know)|how can you help(?: me)?|can you help me|help|how are you|are you a "
    r"(?:bot|robot|human|person)|wer bist du|wer sind sie|was kannst du|was können sie|wie geht's|"
    r"wie geht es (?:dir|ihnen)|qui es-tu|qui êtes-vous|que sais-tu faire|quién eres|"
    r"qué puedes hacer|chi sei|cosa sai fare|quem é você|wie ben je|wat kun je|你是谁|你能做什么|"
    r"あなたは誰ですか|누구세요"
)
_CLOSING = re.compile(
    r"(?:ok|okay|alright|great|perfect|cool|nice|good|got it|i see|understood|bye|bye bye|goodbye|"
    r"see you|tschüss|tschüß|auf wiedersehen|alles klar|super|au revoir|adiós|hasta luego|"
    r"arrivederci|tchau|doei|tot ziens|再见|さようなら)"
)
# What may follow without making a question of it: names are left out, so "hello bot" stays small.
_TAIL = (
    r"(?:[\s,]+(?:all|there|team|bot|everyone|everybody|again|zusammen|à tous|a todos|allemaal))?"
)
_EDGE = "¡¿ \t\r\n.,!?…~:;-–—。！？、👋🙏😊🙂👍❤️"


def is_small_talk(message: str) -> bool:
    """Whether a message is nothing but a greeting, thanks, or about the bot (several languages)."""
    parts = _parts(message)
    return bool(parts) and all(_is_courtesy(part) for part in parts)


def reply(welcome_message: str, message: str = "") -> str:
    """The bot's own welcome, or a plain one where it has none; mere thanks are answered as such."""
    parts = [part for part in _parts(message) if not _whole(_CLOSING.pattern, part)]
    answers = [_answer_to_thanks(part) for part in parts]
    if answers and all(answers):
        return answers[-1]
    return welcome_message.strip() or "Hello! Ask me anything."


def _answer_to_thanks(part: str) -> str:
    return next((answer for pattern, answer in _THANKS if _whole(pattern, part)), "")


def _parts(message: str) -> list[str]:
    """A short message, folded, in its clauses; nothing of a longer one."""
    text = re.sub(r"\s+", " ", message.strip(_EDGE).casefold().replace("’", "'"))
    if not text or len(text) > 60:
        return []
    if any(_whole(pattern, text) for pattern, _ in _THANKS):
        return [text]
    parts = (part.strip(_EDGE) for part in re.split(r"[,!?.;。！？]+", text))
    return [part for part in parts if part]


def _is_courtesy(text: str) -> bool:
    patterns = (_GREETING.pattern, _ABOUT_ITSELF.pattern, _CLOSING.pattern)
    return any(_whole(pattern, text) for pattern in (*patterns, *(one for one, _ in _THANKS)))


def _whole(pattern: str, text: str) -> bool:
    return re.fullmatch(f"(?:{pattern}){_TAIL}", text) is not None
