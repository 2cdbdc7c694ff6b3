"""The pages as a Starlette application: two pages, the charts' points, a stream that says "look again"."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.backend.keys import is_hub_name
from tools.backend.store import Store
from tools.backend.web import view
from tools.backend.web.measurements import measurements
from tools.backend.web.words import LANGUAGES, Words, choose

_HERE = Path(__file__).parent
_LOOK_S = 0.25  # how soon a page can know of a commit; one small question on an open connection
_SILENCE_S = 15.0  # a word at least this often, so that a dead page is noticed and its connection freed
_LISTENERS_MAX = 64  # open pages; beyond it a page still loads, but is not live

_HEADERS = {
    # Nothing from elsewhere, nothing inline: text that slipped through the escaping could still do nothing.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class News:
    """Tells every open page that the database has changed, whichever process changed it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = asyncio.Condition()
        self.version = 0
        self.listeners = 0

    async def watch(self) -> None:
        """Look until cancelled."""
        seen = None
        while True:
            version = self._store.version()
            if version != seen:
                seen = version
                async with self._changed:
                    self.version += 1
                    self._changed.notify_all()
            await asyncio.sleep(_LOOK_S)

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: a number that differs when there is something new."""
        self.listeners += 1
        try:
            told = -1
            while True:
                async with self._changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._later_than(told), _SILENCE_S)
                    told = self.version
                yield f"event: changed\ndata: {told}\n\n"
        finally:
            self.listeners -= 1

    async def _later_than(self, told: int) -> None:
        await self._changed.wait_for(lambda: self.version != told)


class _WithHeaders:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def application(database: str, hosts: list[str]) -> Starlette:
    """The pages over a database; only requests that name one of `hosts` are answered (DNS rebinding)."""
    store = Store(database, readonly=True)
    news = News(store)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["shown"] = view.shown

    def render(request: Request, template: str, status: int = 200, **values: object) -> Response:
        words = Words(choose(request.headers.get("accept-language"), request.query_params.get("lang")))
        page = templates.get_template(template).render(
            t=words, language=words.language, spoken=LANGUAGES.index(words.language), **values
        )
        return HTMLResponse(page, status)

    async def overview(request: Request) -> Response:
        return render(request, "overview.html", hubs=view.hubs(store), quarantined=view.quarantined(store))

    async def hub(request: Request) -> Response:
        name = request.path_params["hub"]
        found = view.hub(store, name) if is_hub_name(name) else None
        if found is None:
            return render(request, "absent.html", 404)
        latest, held = view.latest(store, name), view.held(store, name)
        sent = measurements(store, name)
        return render(request, "hub.html", hub=found, latest=latest, held=held, sent=sent)

    async def series(request: Request) -> Response:
        words = Words(choose(request.headers.get("accept-language"), request.query_params.get("lang")))
        charts = view.series(store, request.path_params["hub"])
        for chart in charts:
            chart["kind"], chart["names"] = words(chart["kind"]), [words(name) for name in chart["names"]]
        return JSONResponse(charts)

    async def events(request: Request) -> Response:
        if news.listeners >= _LISTENERS_MAX:
            return PlainTextResponse("too many open pages", 503)
        return StreamingResponse(news.events(), media_type="text/event-stream")

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.ensure_future(news.watch())
        try:
            yield
        finally:
            watching.cancel()
            store.close()

    routes = [
        Route("/", overview),
        Route("/hub/{hub}", hub),
        Route("/hub/{hub}/series", series),
        Route("/events", events),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    middleware = [Middleware(_WithHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
