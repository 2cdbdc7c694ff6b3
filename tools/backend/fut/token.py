"""The bearer token for FUT: client credentials (RFC 6749, 4.4), and token exchange (RFC 8693) for a patient's context.

Cached until shortly before it ends, renewed when FUT says 401. The secret comes from the environment or from a
file that only its owner may read; neither it nor a token is ever part of a text.
"""

import json
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tools.backend.fut.call import post

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
# A token that ends while a call is under way is refused: the longest call, and what clocks may differ.
_EARLY_S = 60.0
_LIFE_S = 60.0  # of a token that does not say: RFC 6749 leaves it to us
_CONTEXTS_MAX = 1000  # patients whose tokens are kept; the one used longest ago goes
_ANSWER_OCTETS_MAX = 1 << 16


class NoToken(Exception):
    """The provider gave none. args: what it was asked, and how it answered; no secret."""


class BadSecret(Exception):
    """The secret is not there, or others may read it. args[0] says which."""


class Secret:
    """A text that no log shows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def secret_from(file: Path | None, variable: str | None, environment: Mapping[str, str] = os.environ) -> Secret:
    """The client's secret from a file of its owner's alone, or from an environment variable."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                about = os.fstat(opened.fileno())
                text = opened.read(4096).decode().strip()
        except (OSError, UnicodeDecodeError):
            raise BadSecret(f"{file} cannot be read") from None
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or about.st_uid != os.geteuid():
            raise BadSecret(f"others may read {file}: chmod 600")
    else:
        text = environment.get(variable or "", "").strip()
    if not text:
        raise BadSecret(f"{file or variable or 'no file and no variable'} holds no secret")
    return Secret(text)


@dataclass(frozen=True)
class Provider:
    """Where tokens come from."""

    endpoint: str
    client: str
    secret: Secret
    exchange: bool = False  # ask for a token of one patient and episode, as FUT's own clients do
    extra: Mapping[str, str] = field(default_factory=dict)  # such as scope or audience


@dataclass(frozen=True)
class _Token:
    text: Secret
    ends_s: float


class Tokens:
    """Gives tokens; asks the provider only when it must."""

    def __init__(
        self, http: httpx.Client, provider: Provider, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._http, self._provider, self._clock = http, provider, clock
        self._kept: OrderedDict[tuple[str, str] | None, _Token] = OrderedDict()

    def bearer(self, patient: str, episode: str) -> str:
        """The Authorization header's value for a patient's measurement; NoToken when there is none to be had."""
        if not self._provider.exchange:
            return "Bearer " + self._token(None, self._ask).reveal()
        return "Bearer " + self._token((patient, episode), lambda: self._trade(patient, episode)).reveal()

    def forget(self) -> None:
        """FUT does not take them any more."""
        self._kept.clear()

    def _token(self, key: tuple[str, str] | None, ask: Callable[[], _Token]) -> Secret:
        kept = self._kept.get(key)
        if kept is None or kept.ends_s <= self._clock():
            kept = self._kept[key] = ask()
            while len(self._kept) > _CONTEXTS_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept.text

    def _ask(self) -> _Token:
        return self._post({"grant_type": "client_credentials"})

    def _trade(self, patient: str, episode: str) -> _Token:
        own = self._token(None, self._ask)
        form = {"grant_type": EXCHANGE, "subject_token": own.reveal(), "subject_token_type": _ACCESS_TOKEN}
        return self._post(form | {"patient_id": patient, "episode_of_care_id": episode})

    def _post(self, form: dict[str, str]) -> _Token:
        asked, asked_s = form["grant_type"], self._clock()
        identity = {"client_id": self._provider.client, "client_secret": self._provider.secret.reveal()}
        try:
            everything = form | identity | dict(self._provider.extra)
            answer = post(self._http, self._provider.endpoint, _ANSWER_OCTETS_MAX, {}, data=everything)
        except httpx.HTTPError as error:
            raise NoToken(asked, type(error).__name__) from None
        if answer.status != 200:
            raise NoToken(asked, f"HTTP {answer.status}")
        try:
            content = json.loads(answer.text)
            text, life_s = content["access_token"], float(content.get("expires_in", _LIFE_S + _EARLY_S))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise NoToken(asked, "no token in the answer") from None
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
            raise NoToken(asked, "no token in the answer")
        return _Token(Secret(text), asked_s + max(life_s - _EARLY_S, life_s / 2))
