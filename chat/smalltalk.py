"""Greetings and thanks: answered by the bot's welcome, with no search and no provider call."""

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
_THANKS = re.compile(
    r"(?:thanks|thank you|thx|ty|cheers|many thanks|thanks a lot|thank you (?:so|very) much|"
    r"danke|danke schön|dankeschön|vielen dank|merci|merci beaucoup|gracias|muchas gracias|"
    r"grazie|grazie mille|obrigad[oa]|muito obrigad[oa]|dank je|bedankt|dank u wel|tack|takk|tak|"
    r"dziękuję|teşekkürler|спасибо|дякую|谢谢|謝謝|ありがとう|ありがとうございます|감사합니다|धन्यवाद|"
    r"شكرا|תודה)"
)
# What may follow without making a question of it: names are left out, so "hello bot" stays small.
_TAIL = (
    r"(?:[\s,]+(?:all|there|team|bot|everyone|everybody|again|zusammen|à tous|a todos|allemaal))?"
)
_EDGE = "¡¿ \t\r\n.,!?…~:;-–—。！？、👋🙏😊🙂👍❤️"


def is_small_talk(message: str) -> bool:
    """True for a message that is nothing but a greeting or thanks (several languages)."""
    text = re.sub(r"\s+", " ", message.strip(_EDGE).casefold())
    if not text or len(text) > 60:
        return False
    parts = [part.strip(_EDGE) for part in re.split(r"[,!.。！]+", text)]
    return all(_is_courtesy(part) for part in parts if part)


def _is_courtesy(text: str) -> bool:
    return any(
        re.fullmatch(pattern.pattern + _TAIL, text) is not None for pattern in (_GREETING, _THANKS)
    )


def reply(welcome_message: str) -> str:
    """The bot's own welcome, or a plain one where it has none."""
    return welcome_message.strip() or "Hello! Ask me anything."
