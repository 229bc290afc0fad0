"""Qdrant's REST bodies onto the embedded engine: the part of ``qdrant_rest`` below HTTP.

Strict on purpose: what is not known here is refused, and points are reached by one tenant only.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import qdrant_edge as engine

Body = dict[str, Any]


class Refused(Exception):
    """An answer other than 200. A violation is a request that the product must never send."""

    def __init__(self, status: int, message: str, *, violation: bool = False) -> None:
        self.status, self.message, self.violation = status, message, violation
        super().__init__(message)


class Collections:
    """Shards under one folder, each with the settings it was created with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._shards: dict[str, engine.EdgeShard] = {}

    def names(self) -> list[str]:
        return sorted(path.parent.name for path in self._folder.glob("*/settings.json"))

    def exists(self, name: str) -> bool:
        return name in self.names()

    def settings(self, name: str) -> Body:
        if not self.exists(name):
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        loaded: Body = json.loads((self._folder / name / "settings.json").read_text())
        return loaded

    def shard(self, name: str) -> engine.EdgeShard:
        self.settings(name)
        with self._lock:
            if name not in self._shards:
                self._shards[name] = engine.EdgeShard.load(str(self._folder / name / "shard"))
            return self._shards[name]

    def create(self, name: str, body: Body) -> None:
        if self.exists(name):
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        dense = {
            key: engine.EdgeVectorParams(
                size=params["size"], distance=getattr(engine.Distance, params["distance"])
            )
            for key, params in body["vectors"].items()
        }
        sparse = {
            key: engine.EdgeSparseVectorParams(
                modifier=engine.Modifier.Idf if params.get("modifier") == "idf" else None
            )
            for key, params in (body.get("sparse_vectors") or {}).items()
        }
        config = engine.EdgeConfig(vectors=dense, sparse_vectors=sparse)
        folder = self._folder / name
        folder.mkdir()
        with self._lock:
            self._shards[name] = engine.EdgeShard.create(str(folder / "shard"), config)
        (folder / "settings.json").write_text(json.dumps(body))

    def delete(self, name: str) -> bool:
        if not self.exists(name):
            return False
        with self._lock:
            shard = self._shards.pop(name, None)
            if shard is not None:
                shard.close()
            (self._folder / name / "settings.json").unlink()
            (self._folder / name).rename(self._folder / f".deleted-{name}-{id(shard)}")
        return True

    def close(self) -> None:
        with self._lock:
            for shard in self._shards.values():
                shard.flush()
                shard.close()
            self._shards.clear()


# --- filters -----------------------------------------------------------------------------------


def tenant_filter(body: Body | None, what: str) -> engine.Filter:
    """A filter that names one tenant in a ``must`` at its top, or a violation."""
    must = (body or {}).get("must")
    conditions = [must] if isinstance(must, dict) else must or []
    tenants = [
        condition.get("match", {}).get("value")
        for condition in conditions
        if condition.get("key") == "tenant_id"
    ]
    if len(tenants) != 1 or not isinstance(tenants[0], str):
        raise Refused(400, f"{what} without one tenant in a top-level must", violation=True)
    if set(body or {}) - {"must"} and any((body or {})[key] for key in set(body or {}) - {"must"}):
        raise Refused(400, f"{what}: this double knows `must` only")
    return engine.Filter(must=[_condition(condition) for condition in conditions])


def _condition(body: Body) -> Any:
    if "has_id" in body:
        return engine.HasIdCondition({UUID(id_) for id_ in body["has_id"]})
    match = body.get("match") or {}
    if "value" in match:
        return engine.FieldCondition(body["key"], match=engine.MatchValue(match["value"]))
    if "any" in match:
        return engine.FieldCondition(body["key"], match=engine.MatchAny(match["any"]))
    raise Refused(400, f"condition not known to this double: {sorted(body)}")


# --- points ------------------------------------------------------------------------------------


def upsert(shard: engine.EdgeShard, body: Body) -> None:
    tenants = {str((point.get("payload") or {}).get("tenant_id")) for point in body["points"]}
    if len(tenants) != 1 or "None" in tenants:
        raise Refused(400, "upsert of points of no or several tenants", violation=True)
    condition = _replaceable(body.get("update_filter"), tenants.copy().pop())
    points = [
        engine.Point(
            id=UUID(point["id"]),
            vector={name: _vector(value) for name, value in point["vector"].items()},
            payload=point["payload"],
        )
        for point in body["points"]
    ]
    shard.update(engine.UpdateOperation.upsert_points(points, condition=condition))
    shard.flush()


def _replaceable(body: Body | None, tenant: str) -> engine.Filter:
    """The one condition an upsert may have: its own tenant's points, or points of nobody."""
    own = {"key": "tenant_id", "match": {"value": tenant}}
    if body != {"should": [own, {"is_empty": {"key": "tenant_id"}}]}:
        raise Refused(400, "upsert over other points than the tenant's own", violation=True)
    return engine.Filter(should=[_condition(own), engine.IsEmptyCondition("tenant_id")])


def delete(shard: engine.EdgeShard, body: Body) -> None:
    if "points" in body:
        raise Refused(400, "delete by ids, without a tenant", violation=True)
    where = tenant_filter(body.get("filter"), "delete")
    shard.update(engine.UpdateOperation.delete_points_by_filter(where))
    shard.flush()


def count(shard: engine.EdgeShard, body: Body) -> Body:
    where = tenant_filter(body.get("filter"), "count")
    request = engine.CountRequest(exact=body.get("exact", True), filter=where)
    return {"count": shard.count(request)}


def scroll(shard: engine.EdgeShard, body: Body) -> Body:
    records, following = shard.scroll(
        engine.ScrollRequest(
            offset=UUID(body["offset"]) if body.get("offset") else None,
            limit=body.get("limit", 10),
            filter=tenant_filter(body.get("filter"), "scroll"),
            with_payload=_payload(body.get("with_payload", True)),
            with_vector=bool(body.get("with_vector", False)),
        )
    )
    points = [
        {"id": str(record.id), "payload": record.payload, "vector": _named(record.vector)}
        for record in records
    ]
    return {"points": points, "next_page_offset": str(following) if following else None}


def query(shard: engine.EdgeShard, body: Body) -> Body:
    prefetches = body.get("prefetch") or []
    prefetches = [prefetches] if isinstance(prefetches, dict) else prefetches
    request = engine.QueryRequest(
        limit=body.get("limit", 10),
        query=_query(body["query"], body.get("using")),
        prefetches=[_prefetch(prefetch) for prefetch in prefetches],
        filter=tenant_filter(body.get("filter"), "query"),
        with_payload=_payload(body.get("with_payload", False)),
        params=_params(body.get("params")),
    )
    hits = [
        {"id": str(hit.id), "version": hit.version, "score": hit.score, "payload": hit.payload}
        for hit in shard.query(request)
    ]
    return {"points": hits}


def _prefetch(body: Body) -> engine.Prefetch:
    if body.get("prefetch"):
        raise Refused(400, "nested prefetch is not known to this double")
    return engine.Prefetch(
        limit=body.get("limit", 10),
        query=_query(body["query"], body.get("using")),
        filter=tenant_filter(body.get("filter"), "prefetch"),
        params=_params(body.get("params")),
    )


def _query(body: Any, using: str | None) -> Any:
    if isinstance(body, dict) and "fusion" in body:
        if body["fusion"] != "dbsf":
            raise Refused(400, f"fusion not known to this double: {body['fusion']}")
        return engine.Fusion.Dbsf()
    if isinstance(body, dict) and "nearest" in body:
        body = body["nearest"]
    return engine.Query.Nearest(_vector(body), using=using)


def _params(body: Body | None) -> engine.SearchParams | None:
    corpus = ((body or {}).get("idf") or {}).get("corpus")
    if corpus is None:
        return None
    return engine.SearchParams(idf=engine.IdfParams(corpus=tenant_filter(corpus, "idf")))


def _vector(body: Any) -> Any:
    if isinstance(body, dict):
        return engine.SparseVector(indices=body["indices"], values=body["values"])
    return body


def _named(vectors: Any) -> Any:
    return vectors and {
        name: {"indices": value.indices, "values": value.values}
        if isinstance(value, engine.SparseVector)
        else value
        for name, value in vectors.items()
    }


def _payload(body: Any) -> Any:
    return engine.PayloadSelector.Include(body) if isinstance(body, list) else bool(body)
