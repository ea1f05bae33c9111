"""What is derived from a practice's one secret: references for logs, encryption of before-images, chains.

Each use has a key of its own (HKDF, RFC 5869), so that a reference in a log tells nothing about the
key that encrypts. Nothing here knows what is encrypted or referred to.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from migration_assets.errors import ConfigurationError

_NONCE_BYTES = 12
_MINIMUM_SECRET_CHARACTERS = 16


class PracticeKeys:
    """Raises ConfigurationError where the secret is too short to protect anything."""

    def __init__(self, practice: str, secret: str) -> None:
        if len(secret) < _MINIMUM_SECRET_CHARACTERS:
            raise ConfigurationError(
                f"practice {practice}: encryption_key is shorter than {_MINIMUM_SECRET_CHARACTERS} "
                "characters; set a random one, for example from `openssl rand -hex 32`, and keep it safe"
            )
        self._practice = practice
        self._secret = secret.encode()
        self._keys: dict[str, bytes] = {}

    def _derived(self, purpose: str) -> bytes:
        if purpose not in self._keys:
            info = f"migration-assets/{purpose}/{self._practice}".encode()
            key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._secret)
            self._keys[purpose] = key
        return self._keys[purpose]

    def reference(self, key: str) -> str:
        """A keyed reference (16 hex digits) to a record, fit for logs and metadata."""
        return hmac.new(self._derived("reference"), key.encode(), sha256).hexdigest()[:16]

    def chain(self, previous: str, entry: bytes) -> str:
        """The next link of an HMAC chain, 64 hex digits."""
        return hmac.digest(self._derived("decisions"), previous.encode() + b"\x00" + entry, "sha256").hex()

    def encrypt(self, plain: bytes, bound_to: str) -> bytes:
        """AES-256-GCM; ``bound_to`` must be given again to decrypt."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._derived("before-image")).encrypt(nonce, plain, bound_to.encode())

    def decrypt(self, sealed: bytes, bound_to: str) -> bytes:
        """Raises ConfigurationError where the secret isn't the one that encrypted, or the bytes changed."""
        try:
            return AESGCM(self._derived("before-image")).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode()
            )
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise ConfigurationError(
                f"practice {self._practice}: a before-image can't be decrypted; "
                "encryption_key differs from the one it was written with, so restore that one"
            ) from None
