"""HTTPS: the connection goes to the judged address, the certificate must be the name's."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django.fixtures import Settings

from minirag.egress import fetch
from minirag.errors import UnreadableSource


def self_signed(name: str, folder: Path) -> Path:
    """A certificate of ``name`` with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@dataclass
class SecureSite:
    port: int = 0
    asked_for: list[str | None] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write((self.headers["Host"] or "").encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def secure_site(
    tmp_path: Path,
    names: dict[str, list[list[str]]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SecureSite]:
    """site.test over TLS, trusted; also reachable as other.test, which its certificate is not."""
    site = SecureSite()
    pem = self_signed("site.test", tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    server_side.sni_callback = lambda _sock, name, _context: site.asked_for.append(name)
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr("minirag.egress.clients.tls_context", lambda: trusting)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = server_side.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    names["other.test"] = [["127.0.0.1"]]
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{site.port}", f"other.test:{site.port}"]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


def test_name_and_host_reach_the_server_as_given(secure_site: SecureSite) -> None:
    url = f"https://site.test:{secure_site.port}/"
    page = fetch(url, max_bytes=100, deadline=5)
    assert page.content == f"site.test:{secure_site.port}".encode()
    assert secure_site.asked_for == ["site.test"]


def test_a_certificate_of_another_name_is_refused(secure_site: SecureSite) -> None:
    with pytest.raises(UnreadableSource):
        fetch(f"https://other.test:{secure_site.port}/", max_bytes=100, deadline=5)
    assert secure_site.asked_for == ["other.test"]
