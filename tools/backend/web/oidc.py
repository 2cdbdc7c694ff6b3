"""Login by the organisation's own OpenID Connect provider: authorization code with PKCE, ID token checked.

FILE of `--oidc`: {"format": 1, "issuer": "https://…", "client": "…", "secret_file": "…" | "secret_variable": "…",
"back": "https://OURS/signed-on", "claim": "roles", "roles": {"their role": "reader" | "operator" | "admin"}}
Whoever has none of the named roles is not let in. The name that is shown and logged is the claim `preferred_username`,
else `sub`.
"""

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.backend.fut.token import BadSecret, Secret, secret_from
from tools.backend.web.access import ROLES

_CALL_S_MAX = 10.0
_LOGIN_S_MAX = 600  # between our page and the provider's answer
_LOGINS_MAX = 1000  # begun and not ended
_LEEWAY_S = 60
_ALGORITHMS = ["RS256", "PS256", "ES256"]  # never one of a shared secret, and never none
_Url = Annotated[str, Field(pattern=r"^https://|^http://(localhost|127\.0\.0\.1)(:|/)")]


class BadOidc(Exception):
    """The configuration cannot be used; args[0] says why."""


class BadLogin(Exception):
    """The provider vouches for nobody."""


class Settings(BaseModel):
    """The file, checked."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    issuer: _Url
    client: str
    secret_file: str | None = None
    secret_variable: str | None = None
    back: _Url
    claim: str = "roles"
    roles: dict[str, Literal["reader", "operator", "admin"]]


def read(file: Path) -> "Provider":
    """The provider that a file names."""
    try:
        settings = Settings.model_validate(json.loads(file.read_text(encoding="utf-8")))
        path = file.parent / settings.secret_file if settings.secret_file else None
        return Provider(settings, secret_from(path, settings.secret_variable))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadOidc(f"{file}: $.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except BadSecret as bad:
        raise BadOidc(bad.args[0]) from None
    except (OSError, ValueError) as error:
        raise BadOidc(f"{file}: {error}") from None


class Provider:
    """One provider, and the logins that are under way with it."""

    def __init__(
        self, settings: Settings, secret: Secret, clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._secret, self._clock, self._transport = settings, secret, clock, transport
        self._begun: dict[str, tuple[str, str, float]] = {}  # state → PKCE's verifier, nonce, until when

    @property
    def host(self) -> str:
        """By which people know our pages."""
        return urlsplit(self._settings.back).hostname or ""

    async def begin(self) -> tuple[str, str]:
        """The provider's page to send somebody to, and the state by which the browser is known again."""
        now_s = self._clock()
        self._begun = {state: one for state, one in self._begun.items() if one[2] > now_s}
        if len(self._begun) >= _LOGINS_MAX:
            raise BadLogin("too many")
        about = await self._about()
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        async with self._client() as client:
            url, state = client.create_authorization_url(
                about["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        self._begun[state] = verifier, nonce, now_s + _LOGIN_S_MAX
        return str(url), str(state)

    async def end(self, answer: dict[str, str]) -> tuple[str, str]:
        """Name and role of whom the provider sent back; BadLogin when anything does not fit."""
        verifier, nonce, until_s = self._begun.pop(answer.get("state", ""), ("", "", 0.0))
        if not verifier or until_s <= self._clock() or "code" not in answer:
            raise BadLogin("state")
        about = await self._about()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    about["token_endpoint"], grant_type="authorization_code", code=answer["code"],
                    code_verifier=verifier,
                )  # fmt: skip
                keys = (await client.request("GET", about["jwks_uri"], withhold_token=True)).json()
            return self._believed(str(token.get("id_token", "")), keys, nonce)
        except (AuthlibBaseError, httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise BadLogin(type(error).__name__) from error

    def _believed(self, token: str, keys: Any, nonce: str) -> tuple[str, str]:
        """The claims of an ID token, each checked (OpenID Connect Core 3.1.3.7)."""
        claims = jwt.decode(token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims
        now_s = self._clock()
        audience = claims.get("aud")
        ours = audience == self._settings.client or audience == [self._settings.client]
        fits = claims.get("iss") == self._settings.issuer and ours and claims.get("nonce") == nonce
        if not fits or not now_s - _LEEWAY_S < float(claims["exp"]) or float(claims["iat"]) > now_s + _LEEWAY_S:
            raise BadLogin("claims")
        held = claims.get(self._settings.claim) or []
        theirs = [held] if isinstance(held, str) else held
        roles = [self._settings.roles[role] for role in theirs if role in self._settings.roles]
        if not roles:
            raise BadLogin("no role")
        return str(claims.get("preferred_username") or claims["sub"]), max(roles, key=ROLES.index)

    async def _about(self) -> dict[str, str]:
        """What the provider says of itself; its endpoints are as well guarded as its issuer."""
        try:
            async with httpx.AsyncClient(timeout=_CALL_S_MAX, transport=self._transport, trust_env=False) as http:
                url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                about = (await http.get(url)).raise_for_status().json()
            endpoints = [about[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            secure = self._settings.issuer.startswith("https://")
            safe = all(url.startswith("https://") or not secure for url in endpoints)
            if about["issuer"] != self._settings.issuer or not safe:
                raise BadLogin("issuer")
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadLogin("the provider does not answer") from error
        return dict(about)

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # heavy, and only for those who use it

        return AsyncOAuth2Client(
            self._settings.client, self._secret.reveal(), scope="openid profile", redirect_uri=self._settings.back,
            code_challenge_method="S256", timeout=_CALL_S_MAX, transport=self._transport, trust_env=False,
        )  # fmt: skip
