"""Credentials at rest: a model field that encrypts per row owner, table and column, with rotation.

``MINIRAG_ENCRYPTION_KEYS`` holds master keys, newest first. Each value is sealed with a subkey of a
master (HKDF-SHA256, info ``tenant:<id>/<table>/<field>``), so a ciphertext copied into another
tenant's row, or another column, does not open. See docs/decisions/0001-encryption-field.md.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from minirag.errors import ProviderMisconfigured
from minirag.types import Credentials

_PREFIX = "v1:"

# Django's fields are generic only in their type stubs.
if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class Sealed(str):
    """Ciphertext as it stands in the database."""

    __slots__ = ()


class Verbatim(str):
    """Ciphertext that a restore writes as it was read. It is never opened: the key may be lost."""

    __slots__ = ()


def master_keys(encoded: list[str]) -> list[bytes]:
    """The masters as bytes. Raises ``ImproperlyConfigured`` naming the setting."""
    if not encoded:
        raise ImproperlyConfigured("MINIRAG_ENCRYPTION_KEYS is missing. See docs/settings.md.")
    keys = []
    for text in encoded:
        try:
            key = base64.urlsafe_b64decode(text)
        except (binascii.Error, ValueError) as error:
            raise ImproperlyConfigured("MINIRAG_ENCRYPTION_KEYS is not URL-safe base64.") from error
        if len(key) != 32 or len(set(key)) < 8:
            raise ImproperlyConfigured("MINIRAG_ENCRYPTION_KEYS needs 32 random bytes per key.")
        keys.append(key)
    return keys


@lru_cache(maxsize=1024)
def _box(encoded: tuple[str, ...], context: str) -> MultiFernet:
    def subkey(master: bytes) -> Fernet:
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=context.encode())
        return Fernet(base64.urlsafe_b64encode(kdf.derive(master)))

    return MultiFernet([subkey(master) for master in master_keys(list(encoded))])


def _current_box(context: str) -> MultiFernet:
    return _box(tuple(settings.MINIRAG_ENCRYPTION_KEYS), context)


def seal(values: Mapping[str, str], context: str) -> Sealed:
    """Encrypt with the newest key."""
    plain = json.dumps(dict(values), sort_keys=True).encode()
    return Sealed(_PREFIX + _current_box(context).encrypt(plain).decode())


def unseal(sealed: str, context: str) -> Credentials:
    """Decrypt with whichever key fits.

    Raises ``ProviderMisconfigured`` where none does: the key is lost or the row was tampered with.
    """
    if not sealed:
        return Credentials()
    try:
        plain = _current_box(context).decrypt(sealed.removeprefix(_PREFIX).encode())
    except InvalidToken as error:
        raise ProviderMisconfigured(
            "The stored credentials cannot be read with the present encryption keys. Set them anew."
        ) from error
    return Credentials(json.loads(plain))


def is_newest(sealed: str, context: str) -> bool:
    """Whether the newest key sealed it, so that ``rotate`` has nothing to do."""
    newest = _box(tuple(settings.MINIRAG_ENCRYPTION_KEYS[:1]), context)
    try:
        newest.decrypt(sealed.removeprefix(_PREFIX).encode())
    except InvalidToken:
        return False
    return True


def rotate(sealed: str, context: str) -> Sealed:
    """The same value under the newest key. Raises as ``unseal``."""
    return seal(unseal(sealed, context).values, context)


class _CredentialsAttribute:
    """Keeps ciphertext on the instance; opens it only when read."""

    def __init__(self, field: EncryptedCredentialsField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            return unseal(value, self.field.context(instance))
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class EncryptedCredentialsField(_TextField):
    """A flat mapping of strings, encrypted. Reads as ``Credentials`` (empty when none is set).

    The model says whose it is by ``tenant_id`` (or, for a tenant itself, its ``pk``).
    ``sealed_as`` names the column of the same table whose values may be moved here as they are.
    """

    descriptor_class = _CredentialsAttribute

    def __init__(self, *args: Any, sealed_as: str = "", **kwargs: Any) -> None:
        self.sealed_as = sealed_as
        kwargs.setdefault("default", "")
        kwargs.setdefault("blank", True)
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def contribute_to_class(
        self, cls: type[models.Model], name: str, *args: Any, **kwargs: Any
    ) -> None:
        super().contribute_to_class(cls, name, *args, **kwargs)
        setattr(cls, self.attname, _CredentialsAttribute(self))

    def context(self, instance: models.Model) -> str:
        """The owner and place a value is bound to."""
        owner = getattr(instance, "tenant_id", None) or instance.pk
        return f"tenant:{owner}/{instance._meta.db_table}/{self.sealed_as or self.attname}"

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.sealed_as:
            kwargs["sealed_as"] = self.sealed_as
        return name, path, args, kwargs

    def from_db_value(self, value: str | None, *_: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Sealed | Credentials:
        if isinstance(value, Sealed | Credentials):
            return value
        if not value:
            return Sealed("")
        if isinstance(value, str):
            return Sealed(value)
        return Credentials(dict(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed:
        value = model_instance.__dict__[self.attname]
        if isinstance(value, Credentials):
            value = seal(value.values, self.context(model_instance)) if value else Sealed("")
            model_instance.__dict__[self.attname] = value
        return Sealed(value)

    def keep_verbatim(self, instance: models.Model) -> None:
        """Let a raw save of ``instance``, which goes around ``pre_save``, store the ciphertext."""
        instance.__dict__[self.attname] = Verbatim(instance.__dict__[self.attname])

    def value_to_string(self, obj: models.Model) -> str:
        """Serialisers (dumpdata) see ciphertext only."""
        return str(self.pre_save(obj, add=False))
