"""Predicates that keep tenants, visitors, addresses, secrets and bills apart, each taken away once.

``old`` stands once in ``path``; with ``new`` in its place ``test`` must fail.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One sabotage, and the quick tests that guard against it."""

    path: str
    old: str
    new: str
    test: str


_LIVE = "Q(revoked_at__isnull=True, tenant__suspended_at__isnull=True)"
_CREDENTIALS = "tenants/credentials.py"
_READABLE = "_LIVE_DOCUMENT, enabled=True, qdrant_point_id__in"
_TOKENS = "tests/tenants/test_tokens.py"
_MEMBERS = "tests/tenants/test_members.py"
_FORGED = "tests/tenants/test_forged.py"
_STANDING = "tests/tenants/test_standing.py"
_PERMISSION = "tests/tenants/test_permission.py"
_WRITTEN = "tests/tenants/test_written_rows.py"
_LONG_LIVED = "tests/tenants/test_long_lived.py"
_SCOPES = "tests/architecture/test_scope_rules.py"
_CHAT = "tests/chat/test_http.py"
_ISSUED = "tests/chat/test_issued_sessions.py"
_SOCKET = "tests/chat/test_websocket.py"
_LEDGER = "tests/usage/test_ledger.py"
_CHUNKS = "tests/sources/test_readable_chunks.py"
_IDEMPOTENCY = "tests/api/test_idempotency.py"
_APART = "tests/contracts/test_vector_store/test_tenancy.py"
_JOBS = "tests/ingestion/test_jobs.py"

TENANTS = {
    "scope: rows of all": Mutant(
        "tenants/scope.py",
        "return rows.filter(**{self.tenant_field: scope.tenant_id})",
        "return rows",
        _SCOPES,
    ),
    "scope: none is needed": Mutant(
        "tenants/scope.py",
        "    if scope is None:\n        raise ScopeError",
        '    if scope is None:\n        return PlatformScope("")\n        raise ScopeError',
        _SCOPES,
    ),
    "scope: writing for another": Mutant(
        "tenants/scope.py", "if tenant_id not in (None, scope.tenant_id):", "if False:", _WRITTEN
    ),
    "scope: many at once for another": Mutant(
        "tenants/scope.py", "            check_owner(row)\n", "            pass\n", _WRITTEN
    ),
    "permission: a view without a scope": Mutant(
        "tenants/permissions.py",
        "if scope is None or not isinstance(auth, AuthContext):\n        return False",
        "if scope is None or not isinstance(auth, AuthContext):\n        return True",
        _PERMISSION,
    ),
    "permission: widgets everywhere": Mutant(
        "tenants/permissions.py",
        'if auth.kind is ActorKind.WIDGET and not getattr(view, "widget_allowed", False):',
        "if False:",
        _PERMISSION,
    ),
    "permission: any scope": Mutant(
        "tenants/permissions.py", "return auth.may(scope)", "return True", _PERMISSION
    ),
    "bulk: writing for another": Mutant(
        "tenants/bulk.py",
        '= owner(model, row.get("tenant_id"))',
        '= row.get("tenant_id")',
        _WRITTEN,
    ),
    "owners: an admin makes one": Mutant(
        "tenants/services/members.py",
        "if Role.OWNER in roles and auth.role is not Role.OWNER:",
        "if False:",
        _MEMBERS,
    ),
    "owners: none is left": Mutant(
        "tenants/services/members.py",
        "if member.role == Role.OWNER and owners == [member.pk]:",
        "if False:",
        _MEMBERS,
    ),
    "tokens: revoked ones can be named": Mutant(
        "tenants/selectors.py", "revoked_at__isnull=True", "pk__isnull=False", _TOKENS
    ),
    "console: any right": Mutant(
        "tenants/console/base.py",
        "return auth is not None and auth.may(scope)",
        "return auth is not None",
        "tests/matrix/test_console.py",
    ),
    "store: a search among all": Mutant(
        "minirag/vectorstores/edge_values.py",
        "must: list[engine.ConditionType] = [tenant]",
        "must: list[engine.ConditionType] = []",
        _APART,
    ),
    "store: another's point": Mutant(
        "minirag/vectorstores/edge_values.py",
        "return engine.Filter(should=[own, engine.IsEmptyCondition(TENANT)])",
        "return engine.Filter(must_not=[engine.HasIdCondition(set())])",
        _APART,
    ),
    "store: rare words of all": Mutant(
        "minirag/vectorstores/edge_values.py",
        "limit=candidates, query=sparse, filter=where, params=own",
        "limit=candidates, query=sparse, filter=where",
        _APART,
    ),
    "chunks: disabled": Mutant(
        "sources/selectors.py", _READABLE, "_LIVE_DOCUMENT, qdrant_point_id__in", _CHUNKS
    ),
    "chunks: deleted": Mutant(
        "sources/selectors.py", _READABLE, "enabled=True, qdrant_point_id__in", _CHUNKS
    ),
    "bots: a deleted source": Mutant(
        "bots/selectors.py",
        "links = BotSource.objects.filter(source__deleted_at__isnull=True)",
        "links = BotSource.objects.all()",
        "tests/bots/test_bot_api.py",
    ),
}

CREDENTIALS = {
    "token: revoked": Mutant(_CREDENTIALS, _LIVE, "Q(tenant__suspended_at__isnull=True)", _TOKENS),
    "token: suspended tenant": Mutant(_CREDENTIALS, _LIVE, "Q(revoked_at__isnull=True)", _TOKENS),
    "token: expired": Mutant(
        _CREDENTIALS, "Q(expires_at__gt=timezone.now())", "Q(pk__isnull=False)", _TOKENS
    ),
    "token: more than its creator": Mutant(
        _CREDENTIALS,
        "return granted & role_scopes(role) if role else frozenset()",
        "return granted",
        _LONG_LIVED,
    ),
    "token: asked for more than its creator": Mutant(
        "tenants/services/api_tokens.py",
        'raise Forbidden("A token cannot hold more than its creator does.")',
        "pass",
        _MEMBERS,
    ),
    "token: of no shape": Mutant(
        "tenants/tokens.py",
        "return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])",
        "return match is not None",
        _TOKENS,
    ),
    "person: suspended tenant": Mutant(
        _CREDENTIALS,
        "            tenant__suspended_at__isnull=True,\n        )\n        .select_related",
        "        )\n        .select_related",
        _TOKENS,
    ),
    "person: an invitation not accepted": Mutant(
        _CREDENTIALS,
        "            accepted_at__isnull=False,\n            user__is_active=True,\n",
        "            user__is_active=True,\n",
        _STANDING,
    ),
    "person: logged out": Mutant(
        _CREDENTIALS,
        "user_id=user_id, revoked_at__isnull=True, expires_at__gt",
        "user_id=user_id, expires_at__gt",
        _TOKENS,
    ),
    "person: a login that ran out": Mutant(
        _CREDENTIALS,
        "revoked_at__isnull=True, expires_at__gt=timezone.now()\n    ).first()",
        "revoked_at__isnull=True\n    ).first()",
        _STANDING,
    ),
    "widget: suspended tenant": Mutant(
        _CREDENTIALS,
        "    if not _tenant_is_live(claims.tenant_id):\n        raise Unauthenticated()\n",
        "",
        _STANDING,
    ),
    "socket: demoted": Mutant(
        _CREDENTIALS, "return auth.scopes <= _present_scopes(auth)", "return True", _LONG_LIVED
    ),
    "socket: ran out": Mutant(
        _CREDENTIALS,
        "if auth.expires_at is not None and auth.expires_at <= timezone.now():",
        "if False:",
        _LONG_LIVED,
    ),
    "jwt: signed by nobody": Mutant(
        "tenants/jwt.py",
        'options={"require": _REQUIRED},',
        'options={"require": _REQUIRED, "verify_signature": False, "verify_exp": True},',
        _FORGED,
    ),
    "widget: signed by nobody": Mutant(
        "tenants/widget_tokens.py",
        'options={"require": ["exp",',
        'options={"verify_signature": False, "require": ["exp",',
        _FORGED,
    ),
    "widget: an ended session": Mutant(
        "tenants/widget_tokens.py",
        "return _read(raw, ended=False)",
        "return _read(raw, ended=True)",
        _CHAT,
    ),
    "parser: a child that leaves text out": Mutant(
        "ingestion/parsing/answers.py",
        "    if text[last_end:].strip():",
        "    if False:",
        "tests/parsing/test_answers.py",
    ),
    "secrets: sealed for anybody": Mutant(
        "minirag/fields.py",
        "info=context.encode())",
        'info=b"minirag")',
        "tests/tenants/test_encryption.py",
    ),
    "secrets: sealed with the oldest key": Mutant(
        "minirag/fields.py",
        "return MultiFernet([subkey(master) for master in master_keys(list(encoded))])",
        "return MultiFernet([subkey(one) for one in master_keys(list(encoded))[::-1]])",
        "tests/tenants/test_encryption.py",
    ),
}

EDGES = {
    "widget: any origin": Mutant(
        "chat/widget.py",
        "if normal is None or (normal not in own and normal not in allowed_origins(bot)):",
        "if normal is None:",
        _CHAT,
    ),
    "widget: closed": Mutant(
        "chat/widget.py", "if not bot.widget_enabled or not bot.is_active:", "if False:", _ISSUED
    ),
    "widget: an origin taken off": Mutant(
        "chat/widget.py",
        "    if not validate_host(f",
        "    if False and not validate_host(f",
        _ISSUED,
    ),
    "widget: no daily limit": Mutant(
        "chat/widget.py", "bucket=bucket, count__lt=most)", "bucket=bucket)", _CHAT
    ),
    "widget: chats of other visitors": Mutant(
        "chat/selectors.py",
        "if auth.widget is not None:\n        mine",
        "if False:\n        mine",
        _CHAT,
    ),
    "widget: chats of other bots": Mutant(
        "chat/selectors.py",
        '                f"{prefix}bot_id": auth.widget.bot_profile_id,\n',
        "",
        _ISSUED,
    ),
    "chat: others' answers": Mutant(
        "chat/selectors.py",
        "if not own and not auth.may(TokenScope.READ):",
        "if False:",
        _CHAT,
    ),
    "socket: any page": Mutant(
        "chat/handshake.py",
        "elif normal_origin(origin) not in _own(scope, headers, peer):",
        "elif False:",
        _SOCKET,
    ),
    "socket: a visitor from nowhere": Mutant(
        "chat/handshake.py",
        "        if auth.widget is not None:\n            raise OriginRefused\n",
        "        pass\n",
        _SOCKET,
    ),
    "socket: without the right to chat": Mutant(
        "chat/handshake.py", "if not auth.may(TokenScope.CHAT):", "if False:", _SOCKET
    ),
    "egress: the first address only": Mutant(
        "minirag/egress/guard.py",
        "        for address in addresses:\n            if any(rule.opens_address",
        "        for address in addresses[:1]:\n            if any(rule.opens_address",
        "tests/egress/test_connections.py",
    ),
    "egress: inside": Mutant(
        "minirag/egress/guard.py", "if not is_public(address):", "if False:", "tests/egress"
    ),
    "egress: an address inside an address": Mutant(
        "minirag/egress/addresses.py",
        "return all(is_public(inner) for inner in embedded_ipv4(address))",
        "return True",
        "tests/egress/test_addresses.py",
    ),
    "egress: redirects": Mutant(
        "minirag/egress/fetching.py",
        "    guard_for(use).check(target)\n",
        "",
        "tests/egress/test_fetch.py",
    ),
    "egress: credentials go along": Mutant(
        "minirag/egress/fetching.py",
        "if not _same_origin(here, answer):",
        "if False:",
        "tests/egress/test_fetch.py",
    ),
    "egress: connected elsewhere": Mutant(
        "minirag/egress/backends.py",
        "return bool(peer) and ip_address(str(peer[0])) == address",
        "return True",
        "tests/egress/test_connections.py",
    ),
    "egress: a user name in the address": Mutant(
        "minirag/egress/guard.py", "if url.userinfo:", "if False:", "tests/egress"
    ),
    "egress: any scheme": Mutant(
        "minirag/egress/guard.py",
        "            raise AddressRefused(BAD_SCHEME)",
        "            return",
        "tests/egress/test_check_url.py",
    ),
    "idempotency: another body": Mutant(
        "tenants/idempotency.py",
        'if (record.operation, record.body_digest) != (fresh["operation"], fresh["body_digest"]):',
        "if False:",
        _IDEMPOTENCY,
    ),
    "idempotency: the secret again": Mutant(
        "tenants/idempotency.py", "if name not in secret_fields", "if name", _IDEMPOTENCY
    ),
    "errors: a fault's own words": Mutant(
        "minirag/api/errors.py",
        "        return MiniRAGError()\n    if error.code in",
        "        return MiniRAGError(str(exc))\n    if error.code in",
        "tests/api/test_errors.py",
    ),
}

BILLS_AND_JOBS = {
    "ledger: closing twice": Mutant(
        "usage/ledger.py",
        "pk=event.pk, status=UsageStatus.RESERVED).update(",
        "pk=event.pk).update(",
        _LEDGER,
    ),
    "ledger: no cap": Mutant(
        "usage/ledger.py", "_spend_within_cap(tenant_id, _month(", "_spend(tenant_id, _month(",
        _LEDGER,
    ),
    "ledger: the cap is looked at, then used": Mutant(
        "usage/ledger.py", "pk=row, spent_nano__lte=cap - amount)", "pk=row)", _LEDGER
    ),
    "ledger: a lost answer is free": Mutant(
        "usage/ledger.py",
        "if meter.usage is None and not isinstance(error, AnswerLost):",
        "if meter.usage is None:",
        _LEDGER,
    ),
    "ledger: what failed after its report is free": Mutant(
        "usage/ledger.py",
        "if meter.usage is None and not isinstance(error, AnswerLost):",
        "if not isinstance(error, AnswerLost):",
        _LEDGER,
    ),
    "ingest: an answer beside a failure is guessed": Mutant(
        "ingestion/pipeline/vectors.py",
        "        elif failed is None:\n            self.meter.report(self.future.result().usage)",
        "        elif failed is None:\n            self.meter.report(self.estimate)",
        "tests/ingestion/test_provider_faults.py",
    ),
    "ingest: a suspended tenant's": Mutant(
        "ingestion/claims.py",
        "served = Q(tenant__suspended_at__isnull=True) | ",
        "served = Q(pk__isnull=False) | ",
        _JOBS,
    ),
    "ingest: two on one source": Mutant(
        "ingestion/claims.py", "ready, ~Exists(busy), alone,", "ready, alone,", _JOBS
    ),
    "ingest: the dead write on": Mutant(
        "ingestion/leases/run.py",
        "pk=self.job.pk, run_token=self.job.run_token, state=JobState.RUNNING",
        "pk=self.job.pk, state=JobState.RUNNING",
        _JOBS,
    ),
    "chat: a marker that points nowhere": Mutant(
        "chat/markers.py",
        "if own is None or int(own[1]) not in self._markers:",
        "if own is None:",
        "tests/chat/test_markers.py",
    ),
    "provider: finished without a reason": Mutant(
        "minirag/providers/litellm_adapter/wire.py",
        "self.finish = self.finish or heard.finish",
        'self.finish = self.finish or heard.finish or "stop"',
        "tests/providers/test_faults.py",
    ),
    "disk: a fault of ours": Mutant(
        "minirag/api/errors.py",
        "if keeps_nothing(exc):",
        "if False:",
        "tests/sources/test_no_room.py",
    ),
    "disk: half a file is kept": Mutant(
        "sources/uploads.py",
        "        discard([name])  # half a file is no file\n",
        "",
        "tests/sources/test_no_room.py",
    ),
    "disk: the body's fault is not told": Mutant(
        "minirag/request_threads.py",
        "            return UnkeptBody(error)",
        "            return __import__('io').BytesIO()",
        "tests/ground/test_unkept_body.py",
    ),
    "disk: the body's last pieces are taken for a hang-up": Mutant(
        "minirag/request_threads.py", "            while more:", "            while False:",
        "tests/ground/test_unkept_body.py",
    ),
    "disk: a job fails": Mutant(
        "ingestion/execution.py", "if keeps_nothing(error):", "if False:",
        "tests/ingestion/test_no_room.py",
    ),
    "disk: the store stays taken": Mutant(
        "minirag/vectorstores/holder.py",
        "                file.close()\n",
        "                pass\n",
        "tests/ingestion/test_no_room.py",
    ),
    "disk: the server hangs up": Mutant(
        "minirag/server.py",
        "        except OSError:\n            self._forget()\n            return\n",
        "        except KeyError:\n            return\n",
        "tests/faults/test_full_disk.py",
    ),
}  # fmt: skip

MUTANTS = {**TENANTS, **CREDENTIALS, **EDGES, **BILLS_AND_JOBS}
