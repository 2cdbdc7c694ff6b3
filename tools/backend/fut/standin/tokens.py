"""The stand-in's OpenID provider: client credentials (RFC 6749, 4.4) and token exchange (RFC 8693)."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_LIFE_S = 300.0
_TOKENS_MAX = 10_000  # of a test's whole life


@dataclass(frozen=True)
class _Token:
    ends_s: float
    patient: str | None
    episode: str | None


class Tokens:
    """Opaque tokens of one process: a restart forgets them, as a provider may."""

    def __init__(
        self, client: str, secret: str, life_s: float = _LIFE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._secret, self._life_s, self._clock = client, secret, life_s, clock
        self._given: dict[str, _Token] = {}
        self.asked = 0

    def answer(self, body: bytes) -> tuple[int, dict[str, object]]:
        """Answer a token request."""
        self.asked += 1
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        mine = form.get("client_id") == self._client and secrets.compare_digest(
            form.get("client_secret", ""), self._secret
        )
        if not mine:
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "client_credentials":
            return self._give(None, None)
        if form.get("grant_type") != EXCHANGE:
            return 400, {"error": "unsupported_grant_type"}
        if not self.valid(form.get("subject_token", "")):
            return 400, {"error": "invalid_grant"}
        return self._give(form.get("patient_id"), form.get("episode_of_care_id"))

    def valid(self, token: str) -> bool:
        """Whether a token was given here and has not ended."""
        known = self._given.get(token)
        return known is not None and known.ends_s > self._clock()

    def allows(self, token: str, patient: str | None) -> bool:
        """Whether a valid token may speak of this patient."""
        known = self._given[token]
        return known.patient is None or known.patient == patient

    def _give(self, patient: str | None, episode: str | None) -> tuple[int, dict[str, object]]:
        if len(self._given) >= _TOKENS_MAX:
            self._given.clear()
        token = secrets.token_urlsafe(24)
        self._given[token] = _Token(self._clock() + self._life_s, patient, episode)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": int(self._life_s)}
