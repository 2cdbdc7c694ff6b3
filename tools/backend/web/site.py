"""What all pages share: words, who is asking, forms that only this site's pages can send, headers."""

import hmac
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.backend.store import Store
from tools.backend.web import view
from tools.backend.web.access import READER, Access, Session
from tools.backend.web.words import LANGUAGES, Words, choose

_HERE = Path(__file__).parent
_FORM_OCTETS_MAX, _FIELDS_MAX = 8192, 20
_SESSION, _LANGUAGE = "telehub_session", "telehub_language"
_STATE, _STATE_S = "telehub_sign_on", 600
_LANGUAGE_S = 365 * 86_400

_HEADERS = {
    # Nothing from elsewhere, nothing inline: text that slipped through the escaping could still do nothing.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # not "no-referrer": a browser then says "null" of where a form is from
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
_SECURE_HEADERS = {"strict-transport-security": "max-age=31536000"}

Page = Callable[[Request], Awaitable[Response]]
Form = dict[str, str]


class BadForm(Exception):
    """A form that no page of ours sends."""


class WithHeaders:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope.get("scheme") == "https":
                    headers.update(_SECURE_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


class Site:
    """The pages over a store; without `access` everybody may see them, and nobody may do anything."""

    def __init__(self, store: Store, access: Access | None, single_sign_on: bool = False) -> None:
        self.store, self.access, self._single_sign_on = store, access, single_sign_on
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals["shown"] = view.shown

    def words(self, request: Request) -> Words:
        """In the asked, the kept, or the browser's language."""
        asked = request.query_params.get("lang") or self._cookie(request, _LANGUAGE)
        return Words(choose(request.headers.get("accept-language"), asked))

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        words, session = self.words(request), self.session(request)
        page = self._templates.get_template(template).render(
            t=words, language=words.language, spoken=LANGUAGES.index(words.language), session=session,
            guarded=self.access is not None, local=self.access is not None and self.access.local,
            single_sign_on=self._single_sign_on, path=request.url.path, languages=LANGUAGES, **values,
        )  # fmt: skip
        answer = HTMLResponse(page, status)
        if request.query_params.get("lang") in LANGUAGES:
            self._set(request, answer, _LANGUAGE, words.language, _LANGUAGE_S)
        return answer

    # Who is asking

    def session(self, request: Request) -> Session | None:
        """Who is logged in."""
        return self.access.session(self._cookie(request, _SESSION)) if self.access else None

    def guarded(self, page: Page, role: str = READER) -> Page:
        """A page that asks who is there first."""

        async def asked(request: Request) -> Response:
            session = self.session(request)
            if self.access is not None and session is None:
                return RedirectResponse("/login", 303)
            if session is not None and not session.may(role):
                return self.render(request, "absent.html", 403)
            if self.access is None and role != READER:
                return self.render(request, "absent.html", 404)
            return await page(request)

        return asked

    def let_in(self, request: Request, token: str) -> Response:
        """With a session's cookie to the first page."""
        answer = RedirectResponse("/", 303)
        self._set(request, answer, _SESSION, token, None)
        return answer

    def let_out(self, request: Request) -> Response:
        """Without it."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(_SESSION, path="/")
        return answer

    async def form(self, request: Request) -> Form:
        """The fields of a form of ours: of this site's origin, and with the session's own word where there is one."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise BadForm
        octets = b""
        async for piece in request.stream():
            octets += piece
            if len(octets) > _FORM_OCTETS_MAX:
                raise BadForm
        try:
            fields = dict(parse_qsl(octets.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
        except ValueError as error:
            raise BadForm from error
        session = self.session(request)
        if session is not None and not hmac.compare_digest(fields.get("csrf", "").encode(), session.csrf.encode()):
            raise BadForm
        return fields

    def sign_on(self, request: Request, url: str, state: str) -> Response:
        """To the provider; only this browser may come back from there."""
        answer = RedirectResponse(url, 303)
        self._set(request, answer, _STATE, state, _STATE_S)
        return answer

    def state(self, request: Request) -> str | None:
        """With what this browser went to the provider."""
        return self._cookie(request, _STATE)

    def _cookie(self, request: Request, name: str) -> str | None:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(name)
        except CookieError:
            return None
        return found.value if found else None

    def _set(self, request: Request, answer: Response, name: str, value: str, age_s: int | None) -> None:
        # Lax, since a provider's login comes back from another site; forms have their own word against others.
        answer.set_cookie(
            name, value, max_age=age_s, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
        )
