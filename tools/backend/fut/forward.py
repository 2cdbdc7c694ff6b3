"""The forwarder beside the receiver: its configuration, and its thread.

`telehub backend --fut FILE`, where FILE is
{"format": 1, "base": "https://measurement…/fhir", "context": "context.json", "ca": "ca.pem",
 "token": {"endpoint": "https://…/token", "client": "…", "secret_file": "…" | "secret_variable": "…",
           "exchange": false, "extra": {"scope": "…"}}}
Paths are relative to FILE. "ca", "exchange" and "extra" may be left out.
"""

import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.backend.fut.call import TIMEOUT
from tools.backend.fut.client import Client
from tools.backend.fut.context import BadContext, Context, read
from tools.backend.fut.ledger import Ledger
from tools.backend.fut.sender import USUAL, Patience, Sender
from tools.backend.fut.token import BadSecret, Provider, Tokens, secret_from
from tools.backend.store import Store

_LOOK_S = 1.0  # how soon a stored reading is noticed
_CONNECTIONS_MAX = 2  # one call at a time, and the token's

_Url = Annotated[str, Field(pattern=r"^https://|^http://(localhost|127\.0\.0\.1)(:|/)")]


class BadForward(Exception):
    """The configuration cannot be used; args[0] says why, without any secret."""


class _Token(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    endpoint: _Url
    client: str
    secret_file: str | None = None
    secret_variable: str | None = None
    exchange: bool = False
    extra: dict[str, str] = {}


class Settings(BaseModel):
    """The file, checked: never http to another machine, since it carries patients."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    base: _Url
    context: str
    token: _Token
    ca: str | None = None


class Contexts:
    """The context file, read again when it has changed. One that has become bad changes nothing, and is told."""

    def __init__(self, path: Path, log: Callable[[str], None]) -> None:
        self._path, self._log = path, log
        self._seen: tuple[int, int] | None = None
        self._context = self._read()

    def __call__(self) -> Context:
        """The context of now."""
        try:
            self._context = self._read()
        except BadForward as bad:
            self._log(f"the context stays as it was: {bad.args[0]}")
        return self._context

    def _read(self) -> Context:
        try:
            about = self._path.stat()
            if self._seen == (about.st_mtime_ns, about.st_size):
                return self._context
            self._seen = (about.st_mtime_ns, about.st_size)
            return read(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, BadContext) as error:
            raise BadForward(f"{self._path}: {error}") from None


class Forwarder:
    """Sends what the store holds, in a thread of its own with a connection of its own, until it is closed."""

    def __init__(
        self, database: str | Path, file: Path, log: Callable[[str], None], patience: Patience = USUAL
    ) -> None:
        settings = _settings(file)
        token = settings.token
        try:
            path = file.parent / token.secret_file if token.secret_file else None
            secret = secret_from(path, token.secret_variable)
        except BadSecret as bad:
            raise BadForward(bad.args[0]) from None
        provider = Provider(token.endpoint, token.client, secret, token.exchange, token.extra)
        try:
            verify = ssl.create_default_context(cafile=file.parent / settings.ca) if settings.ca else True
        except OSError as error:
            raise BadForward(f"{settings.ca}: {error}") from None
        contexts = Contexts(file.parent / settings.context, log)
        self._http = httpx.Client(
            timeout=TIMEOUT, verify=verify, limits=httpx.Limits(max_connections=_CONNECTIONS_MAX), trust_env=False
        )
        self.store = Store(database)
        client = Client(self._http, settings.base, Tokens(self._http, provider))
        self.sender = Sender(Ledger(self.store), client, contexts, patience=patience)
        self._log = log
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fut", daemon=True)

    def __enter__(self) -> "Forwarder":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Ask it to end. A call that is under way is not waited for: it is `submitted`, and will be looked up."""
        self._ended.set()
        self._thread.join(timeout=_LOOK_S * 5)
        self._http.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                more = self.sender.round()
            except Exception as error:  # noqa: BLE001 - the supervisor's place: receiving goes on
                self._log(f"fut: {type(error).__name__}")
                more = False
            if not more:
                self._ended.wait(_LOOK_S)


def _settings(file: Path) -> Settings:
    try:
        return Settings.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadForward(f"{file}: $.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise BadForward(f"{file}: {error}") from None
