"""Sessions: the OAuth token endpoint, and what an Authorization header is worth.

Client credentials, a JWT bearer assertion signed by a key that the org knows (from the environment, or a
certificate that the control interface registered), or one fixed access token from the environment. Errors are
OAuth's (`{"error", "error_description"}`) with Salesforce's descriptions. SOAP login and the password grant
are refused, as orgs now do; the flows that need a browser are not part of this sandbox.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from migration_sandbox.salesforce.errors import invalid_session
from migration_sandbox.salesforce.ids import expand
from migration_sandbox.salesforce.org import ACTING, USER_ID, Org

AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
CERTIFICATE = "jwt_certificate"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "api id"


class OAuthError(Exception):
    """A refused token request."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Credentials:
    """What this process accepts; taken from the environment, never stored with the org."""

    client_id: str
    client_secret: str
    access_token: str | None = None
    public_key: str | None = None

    @classmethod
    def from_environment(cls) -> "Credentials":
        key_file = os.environ.get("SALESFORCE_SANDBOX_JWT_PUBLIC_KEY_FILE")
        return cls(
            os.environ.get("SALESFORCE_SANDBOX_CLIENT_ID", ""),
            os.environ.get("SALESFORCE_SANDBOX_CLIENT_SECRET", ""),
            os.environ.get("SALESFORCE_SANDBOX_ACCESS_TOKEN") or None,
            Path(key_file).read_text() if key_file else None,
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Sessions:
    """Tokens of one org. Only their digests are stored."""

    def __init__(self, org: Org, credentials: Credentials) -> None:
        self.org = org
        self.credentials = credentials
        self.fixed_token_alive = True
        self._issued: dict[str, float] = dict(org.db.execute("SELECT token, issued FROM tokens").fetchall())
        self._users: dict[str, str] = dict(org.db.execute("SELECT token, user FROM token_users").fetchall())

    def issue(self, user: str = USER_ID) -> str:
        """A token of the API user's, or of another's (its id)."""
        token = f"{self.org.org_id[:15]}!{secrets.token_urlsafe(72)}"
        now, digest = time.time(), _digest(token)
        self.org.transaction(
            [
                ("INSERT INTO tokens VALUES (?, ?)", (digest, now)),
                ("INSERT INTO token_users VALUES (?, ?)", (digest, user)),
            ]
        )
        self._issued[digest], self._users[digest] = now, user
        return token

    def check(self, authorization: str | None) -> None:
        """Raises INVALID_SESSION_ID unless the header carries a living token; its user is the one who acts
        in this request from now on."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            raise invalid_session()
        self.check_token(token.strip())

    def check_token(self, token: str) -> None:
        fixed = self.credentials.access_token
        if (
            fixed is not None
            and self.fixed_token_alive
            and hmac.compare_digest(fixed.encode(), token.encode())
        ):
            ACTING.set(USER_ID)
            return
        issued = self._issued.get(_digest(token))
        if issued is None or time.time() - issued > self.org.settings.token_lifetime_seconds:
            raise invalid_session()
        ACTING.set(self._users.get(_digest(token), USER_ID))

    def expire_all(self) -> None:
        self.org.transaction([("DELETE FROM tokens", ()), ("DELETE FROM token_users", ())])
        self._issued.clear()
        self._users.clear()
        self.fixed_token_alive = False

    def revoke(self, token: str) -> bool:
        """End one token; false where there is no such token."""
        digest = _digest(token)
        if self._issued.pop(digest, None) is None:
            return False
        self._users.pop(digest, None)
        tables = ("tokens", "token_users")
        self.org.transaction([(f"DELETE FROM {table} WHERE token = ?", (digest,)) for table in tables])
        return True

    def register_certificate(self, pem: str) -> None:
        """Take assertions signed by this X.509 certificate's key from now on. Raises ValueError."""
        x509.load_pem_x509_certificate(pem.encode())
        self.org.transaction([self.org.set_meta(CERTIFICATE, pem)])

    def _public_key(self) -> str | None:
        pem = self.org.meta(CERTIFICATE)
        if pem is None:
            return self.credentials.public_key
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def grant(self, form: dict[str, str], authorization: str | None, base: str) -> str:
        """A token for a token request's form that came to `base`. Raises OAuthError."""
        kind = form.get("grant_type")
        if kind == "client_credentials":
            self._client(form, authorization)
        elif kind == JWT_GRANT:
            self._assertion(form.get("assertion", ""), base)
        elif kind == "password":
            raise OAuthError("invalid_grant", "authentication failure")
        elif kind in ("authorization_code", "refresh_token", "device"):
            raise OAuthError("unsupported_grant_type", f"{kind} is not part of this sandbox")
        else:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return self.issue()

    def _client(self, form: dict[str, str], authorization: str | None) -> None:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization and authorization.lower().startswith("basic "):
            try:
                client, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "invalid client credentials") from None
        known = self.credentials
        if not known.client_id or not hmac.compare_digest(client.encode(), known.client_id.encode()):
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not known.client_secret or not hmac.compare_digest(secret.encode(), known.client_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _assertion(self, assertion: str, base: str) -> None:
        key = self._public_key()
        if key is None:
            raise OAuthError("invalid_grant", "no key is registered for this app")
        try:
            claims = jwt.decode(
                assertion, key, algorithms=["RS256"], issuer=self.credentials.client_id,
                audience=[*AUDIENCES, base], options={"require": ["exp", "sub", "aud"]},
            )  # fmt: skip
        except jwt.InvalidAudienceError:
            raise OAuthError("invalid_grant", "audience is invalid") from None
        except jwt.InvalidIssuerError:
            raise OAuthError("invalid_client_id", "client identifier invalid") from None
        except jwt.ExpiredSignatureError:
            raise OAuthError("invalid_grant", "expired authorization code") from None
        except jwt.InvalidTokenError:
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if claims["sub"] != "migration@sandbox.example":
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")

    def signature(self, identity: str, issued_at: str) -> str:
        made = hmac.new(
            self.credentials.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256
        )
        return base64.b64encode(made.digest()).decode()


def identity_url(base: str, org: Org) -> str:
    return f"{base}/id/{expand(org.org_id[:15])}/{org.user_id}"
