"""E-mail: subject, people and date, the text, and what is attached."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import Compat32
from itertools import islice
from pathlib import PurePosixPath

from ingestion.parsing.decode import decode, web_name
from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, Hints, clean_title
from ingestion.parsing.html import whole_page
from minirag.errors import UnreadableSource
from minirag.formats import OCTETS, kind_of_mime, kind_of_suffix, mime_type_of

_SHOWN = ("From", "To", "Cc", "Date")
# Decoding a header of 100,000 encoded words takes 4 GB.
_MOST_HEADER = 2_000
_MOST_HEADERS = 256 * 1024
_MOST_PARTS = 1_000
# Lines of a report on what became of a mail.
_MOST_SAID = 100
_WORD = re.compile(r"\w+")

_ALTERNATIVE = "multipart/alternative"
_READ = ("text/plain", "text/html")

Parse = Callable[[bytes, Hints, ContentLimits], Built]


def parse_eml(data: bytes, hints: Hints, limits: ContentLimits, parse: Parse) -> Built:
    """The mail as sections. ``parse`` reads the attachments. Raises ``UnreadableSource``."""
    end = re.search(rb"\r?\n\r?\n", data)
    if (end.start() if end else len(data)) > _MOST_HEADERS:
        raise UnreadableSource("The mail has more headers than may be read.")
    reader = _Reader(hints, limits, parse)
    reader.mail(message_from_bytes(data, policy=_Headers()), 1, 1)
    return reader.builder.build(reader.title)


class _Headers(Compat32):
    """Headers whose bytes above ASCII are text (RFC 6532), where the library sees unknown ones."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        if value.isascii():
            return value
        return decode(value[:_MOST_HEADER].encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True)
class _Version:
    """One form of a text: what it says, and parts beside it with their depths."""

    texts: list[Built] = field(default_factory=list)
    is_plain: bool = False
    attached: list[tuple[Message, int]] = field(default_factory=list)
    # Read only where there is nothing else: forms that few programs show.
    others: list[tuple[Message, int]] = field(default_factory=list)


class _Reader:
    def __init__(self, hints: Hints, limits: ContentLimits, parse: Parse) -> None:
        self.builder = DocumentBuilder()
        self.title = ""
        self._hints = hints
        self._limits = limits
        self._parse = parse
        self._parts = 0

    def mail(self, message: Message, depth: int, level: int) -> None:
        subject = header(message, "Subject") or "(no subject)"
        self.title = self.title or clean_title(subject)
        self.builder.blank()
        self.builder.heading(f"Subject: {subject}", min(9, level), subject)
        for name in _SHOWN:
            if words := header(message, name):
                self.builder.line(f"{name}: {words}")
        self.builder.blank()
        self._part(message, depth, level)

    def _part(self, part: Message, depth: int, level: int) -> None:
        self._count(depth)
        self._content(part, depth, level)

    def _count(self, depth: int) -> None:
        self._parts += 1
        if depth > self._limits.depth or self._parts > _MOST_PARTS:
            raise UnreadableSource("The mail has too many parts, or they are nested too deeply.")

    def _content(self, part: Message, depth: int, level: int) -> None:
        kind = part.get_content_type()
        inner = _inner(part)
        if kind == "message/delivery-status":
            for one in inner[:_MOST_PARTS]:
                said = islice(one.items(), _MOST_SAID)
                self.builder.block("\n".join(f"{name}: {_decoded(str(raw))}" for name, raw in said))
        elif kind == _ALTERNATIVE and inner:
            self._alternative(inner, depth, level)
        elif kind == "message/rfc822" and inner:
            for message in inner:
                self.mail(message, depth + 1, level + 1)
        elif inner:
            for one in inner:
                self._part(one, depth + 1, level)
        elif part.get_content_disposition() == "attachment" or part.get_filename():
            self._attachment(part, depth, level)
        elif kind in _READ or part.get_content_maintype() == "multipart":
            self.builder.include(_text(part), level)  # of a mail whose parts are not to be found
        elif kind.startswith("text/"):
            self._attachment(part, depth, level)

    def _alternative(self, parts: list[Message], depth: int, level: int) -> None:
        version = _chosen([self._version(one, depth + 1) for one in parts])
        for built in version.texts:
            self.builder.include(built, level)
        for one, deep in version.attached or ([] if version.texts else version.others):
            self._content(one, deep, level)

    def _version(self, part: Message, depth: int) -> _Version:
        """What one alternative says; a page may stand among its pictures, or deeper."""
        self._count(depth)
        kind = part.get_content_type()
        inner = _inner(part)
        if kind == "message/rfc822":
            return _Version(attached=[(part, depth)])
        if inner:
            versions = [self._version(one, depth + 1) for one in inner]
            return _chosen(versions) if kind == _ALTERNATIVE else _joined(versions)
        is_attached = part.get_content_disposition() == "attachment"
        if kind in _READ and not is_attached:
            return _Version([_text(part)], kind == "text/plain")
        is_shown = part.get_content_maintype() == "image"  # a page's picture has a name, too
        if is_attached or kind == "text/calendar" or (part.get_filename() and not is_shown):
            return _Version(attached=[(part, depth)])
        return _Version(others=[(part, depth)])

    def _attachment(self, part: Message, depth: int, level: int) -> None:
        name = clean_title(_decoded(part.get_filename() or "")) or "attachment"
        kind = part.get_content_type()
        self.builder.blank()
        try:
            built = self._read(part, name, replace(self._limits, depth=self._limits.depth - depth))
        except UnreadableSource as error:
            self.builder.line(f"Attachment: {name} ({kind}). {error.message}")
            return
        self.builder.heading(f"Attachment: {name}", min(9, level + 1), name)
        self.builder.include(built, level + 1)

    def _read(self, part: Message, name: str, limits: ContentLimits) -> Built:
        """What is attached, by its name, else by its type; text of any other type as text."""
        data, kind, known = _payload(part), part.get_content_type(), mime_type_of(name)
        hints = Hints(name, kind if known == OCTETS else known, None, self._hints.password)
        if not kind.startswith("text/"):
            return self._parse(data, hints, limits)
        if text := _declared(part, data):
            data = text.encode("utf-8-sig", "replace")
        try:
            return self._parse(data, hints, limits)
        except UnreadableSource:
            if kind_of_suffix(PurePosixPath(name).suffix) or kind_of_mime(kind):
                raise
            return self._parse(data, Hints("attachment.txt", "text/plain"), limits)


def _inner(part: Message) -> list[Message]:
    # Of what has no parts it would be decoded, by names that need not be of encodings.
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)]


def _joined(versions: list[_Version]) -> _Version:
    return _Version(
        [built for one in versions for built in one.texts],
        all(one.is_plain for one in versions if one.texts),
        [part for one in versions for part in one.attached],
        [part for one in versions for part in one.others],
    )


def _chosen(versions: list[_Version]) -> _Version:
    """Of the same text in several forms the plain one, unless another says much more."""
    rich = max((one for one in versions if not one.is_plain), key=_words, default=_Version())
    plain = max((one for one in versions if one.is_plain), key=_words, default=_Version())
    best = rich if 2 * _words(plain) < _words(rich) else plain
    # What is attached to one of them is no other form of the text.
    return replace(_joined(versions), texts=best.texts, is_plain=best.is_plain)


def header(message: Message, name: str) -> str:
    """A header's words, capped before anything in it is decoded."""
    return " ".join(_decoded(str(message.get(name) or "")).split())


def _decoded(raw: str) -> str:
    raw = raw[:_MOST_HEADER]
    try:
        words = decode_header(raw)
        return str(make_header([(word, charset and web_name(charset)) for word, charset in words]))
    except (MessageError, LookupError, UnicodeError, ValueError):
        return raw


def _payload(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _text(part: Message) -> Built:
    data = _payload(part)
    text = _declared(part, data) or decode(data)
    if part.get_content_type() == "text/html":
        try:
            return whole_page(text)
        except UnreadableSource:
            return Built("")
    builder = DocumentBuilder()
    builder.block(text)
    return builder.build()


def _declared(part: Message, data: bytes) -> str:
    """The text in the encoding that its part declares; "" where it is not in that one."""
    charset = part.get_content_charset()
    try:
        return data.decode(web_name(charset)) if charset else ""
    except (LookupError, ValueError):
        return ""


def _words(version: _Version) -> int:
    return sum(len(_WORD.findall(built.text)) for built in version.texts)
