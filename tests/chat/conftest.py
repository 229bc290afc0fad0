"""A bot with something to read: fake models, the reference store, rows as ingestion leaves them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from bots.models import BotProfile, BotSource
from chat import event_logs, limits, turns
from minirag import sparse, wiring
from minirag.providers import fake_chat_model, fake_embedder
from minirag.providers.fakes import FakeChatModel
from minirag.types import ChatRequest, Delta, Finish, Point, TokenUsage, VectorSpace
from minirag.vectorstores.memory import MemoryStore
from sources.models import Chunk, Document, DocumentStatus, Source, SourceStatus
from tenants.context import AuthContext, system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

# A test may put another in its place.
_shared_slots = limits.shared_slots

PARTS = (
    "Fuel receipts are handed in within seven days after the journey.",
    "The tyre pressure of a delivery van is checked every Monday morning.",
    "Leasing contracts end after thirty-six months or ninety thousand kilometres.",
)


@dataclass
class House:
    """A tenant with a bot and a document in the index."""

    tenant: Tenant
    bot: BotProfile
    source: Source
    document: Document
    chunks: list[Chunk]
    store: MemoryStore
    auth: AuthContext
    chat: FakeChatModel = field(default_factory=fake_chat_model)

    @property
    def space(self) -> VectorSpace:
        return VectorSpace("fake/embedder", 64, 1)

    def index(self, chunk: Chunk) -> None:
        vectors = fake_embedder().embed([chunk.text], purpose="document").vectors
        point = Point(
            id=chunk.qdrant_point_id,
            chunk_id=chunk.pk,
            document_id=chunk.document_id,
            source_id=chunk.source_id,
            dense=vectors[0],
            sparse=sparse.encode_document(chunk.text),
        )
        self.store.upsert(self.space, self.tenant.pk, [point])

    def change_bot(self, **values: Any) -> None:
        with tenant_scope(self.tenant.pk):
            BotProfile.objects.filter(pk=self.bot.pk).update(**values)


def build_house(tenant: Tenant, store: MemoryStore, parts: tuple[str, ...] = PARTS) -> House:
    with tenant_scope(tenant.pk):
        Tenant.objects.filter(pk=tenant.pk).update(
            embedding_model="fake/embedder", index_dimensions=64
        )
        source = Source.objects.create(name="Fleet", type="text", status=SourceStatus.READY)
        text = "\n\n".join(parts)
        document = Document.objects.create(
            source=source, key="fleet.md", title="Fleet guide", text=text, generation=1,
            text_length=len(text), status=DocumentStatus.READY, metadata={"lang": "en"},
        )  # fmt: skip
        chunks = []
        for ordinal, part in enumerate(parts):
            start = text.index(part)
            chunks.append(
                Chunk.objects.create(
                    document=document, source=source, ordinal=ordinal, text=part,
                    text_hash=hashlib.sha256(part.encode()).hexdigest(), start=start,
                    end=start + len(part), heading_path=["Vans"], token_count=12,
                    qdrant_point_id=uuid4(),
                )
            )  # fmt: skip
        bot = BotProfile.objects.create(
            name="Fleet bot", slug="fleet", model="fake/chat", score_threshold=0.2,
            widget_enabled=True, widget_allowed_origins=["https://shop.example"],
        )  # fmt: skip
        BotSource.objects.create(bot=bot, source=source)
    house = House(tenant, bot, source, document, chunks, store, system_context(tenant.pk, "tests"))
    store.ensure_collection(house.space)
    for chunk in chunks:
        house.index(chunk)
    return house


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    made = MemoryStore()
    monkeypatch.setattr(wiring, "_store", made)
    return made


@pytest.fixture
def house(transactional_db: None, store: MemoryStore) -> House:
    """Committed rows: a turn's threads have connections of their own."""
    with platform_scope("tests"):
        tenant: Tenant = Tenant.objects.create(name="Acorn", slug="acorn")
    return build_house(tenant, store)


@pytest.fixture
def stranger(house: House) -> House:
    """Another tenant's, in the same store."""
    with platform_scope("tests"):
        tenant: Tenant = Tenant.objects.create(name="Birch", slug="birch")
    return build_house(tenant, house.store, ("Birch pays fuel receipts in gold coins.",))


@pytest.fixture(autouse=True)
def fresh_models(settings: Any) -> Iterator[None]:
    settings.MINIRAG_FAKES = True
    fake_chat_model.cache_clear()
    fake_embedder.cache_clear()
    event_logs.event_log.cache_clear()
    yield
    event_logs.event_log.cache_clear()
    slots = _shared_slots()
    if slots is not None:
        slots.close()
    _shared_slots.cache_clear()


@pytest.fixture
async def quiet_end(house: House) -> AsyncIterator[None]:
    """No turn outlives its test's database, no connection the thread that serves its requests."""
    yield
    await turns.shutdown()
    await sync_to_async(connections.close_all)()


class SteeredModel:
    """A chat model whose every step the test takes: ``say``, ``finish``, ``fail``, ``hang``."""

    model = "fake/steered"

    def __init__(self) -> None:
        self.steps: asyncio.Queue[Delta | Finish | Exception] = asyncio.Queue()
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()

    def say(self, text: str) -> None:
        self.steps.put_nowait(Delta(text))

    def finish(self) -> None:
        self.steps.put_nowait(Finish("stop", TokenUsage(10, 5)))

    def fail(self, error: Exception) -> None:
        self.steps.put_nowait(error)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        self.asked.set()
        try:
            while True:
                step = await self.steps.get()
                if isinstance(step, Exception):
                    raise step
                yield step
                if isinstance(step, Finish):
                    return
        finally:
            self.closed.set()

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch) -> SteeredModel:
    model = SteeredModel()
    monkeypatch.setattr(wiring, "chat_model", lambda *_: model)
    return model
