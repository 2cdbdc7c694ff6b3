"""The pages as a Starlette application: hubs, patients, what is held, the doors, a stream that says "look again"."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tools.backend.keys import is_hub_name
from tools.backend.store import Store
from tools.backend.web import decisions, doors, patients, view
from tools.backend.web.access import OPERATOR, Access
from tools.backend.web.measurements import measurements
from tools.backend.web.oidc import Provider
from tools.backend.web.site import BadForm, Site, WithHeaders

_HERE = Path(__file__).parent
_LOOK_S = 0.25  # how soon a page can know of a commit; one small question on an open connection
_SILENCE_S = 15.0  # a word at least this often, so that a dead page is noticed and its connection freed
_LISTENERS_MAX = 64  # open pages; beyond it a page still loads, but is not live


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


def application(
    database: str, hosts: list[str], access: Access | None = None, provider: Provider | None = None
) -> Starlette:
    """The pages over a database; only requests that name one of `hosts` are answered (DNS rebinding).

    Without `access` whoever gets here may look, and nobody may do anything: for a demo on a machine of one's own.
    """
    store = Store(database, readonly=True)
    news = News(store)
    site = Site(store, access, provider is not None)

    async def overview(request: Request) -> Response:
        return site.render(request, "overview.html", hubs=view.hubs(store), quarantined=view.quarantined(store))

    async def hub(request: Request) -> Response:
        name = request.path_params["hub"]
        found = view.hub(store, name) if is_hub_name(name) else None
        if found is None:
            return site.render(request, "absent.html", 404)
        latest, held = view.latest(store, name), view.held(store, name)
        sent = measurements(store, name)
        return site.render(request, "hub.html", hub=found, latest=latest, held=held, sent=sent)

    async def series(request: Request) -> Response:
        words = site.words(request)
        charts = view.series(store, request.path_params["hub"])
        for chart in charts:
            chart["kind"], chart["names"] = words(chart["kind"]), [words(name) for name in chart["names"]]
        return JSONResponse(charts)

    async def all_patients(request: Request) -> Response:
        return site.render(request, "patients.html", patients=patients.patients(store))

    async def patient(request: Request) -> Response:
        found = patients.patient(store, request.path_params["key"])
        if found is None:
            return site.render(request, "absent.html", 404)
        session = site.session(request)
        if access is not None and session is not None:
            access.saw(session.who, found["name"])
        return site.render(request, "patient.html", patient=found)

    async def held(request: Request) -> Response:
        return site.render(request, "held.html", items=decisions.held(store), problem="")

    async def decide(request: Request) -> Response:
        session = site.session(request)
        assert access is not None and session is not None
        try:
            form = await site.form(request)
        except BadForm:
            return site.render(request, "held.html", 403, items=decisions.held(store), problem="bad_form")
        if not decisions.do(access, form.get("subject", ""), form.get("action", ""), session.who):
            return site.render(request, "held.html", 409, items=decisions.held(store), problem="not_held")
        return RedirectResponse("/held", 303)

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
        Route("/", site.guarded(overview)),
        Route("/hub/{hub}", site.guarded(hub)),
        Route("/hub/{hub}/series", site.guarded(series)),
        Route("/patients", site.guarded(all_patients)),
        Route("/patient/{key}", site.guarded(patient)),
        Route("/held", site.guarded(held)),
        Route("/held", site.guarded(decide, OPERATOR), methods=["POST"]),
        Route("/events", site.guarded(events)),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    if access is not None:
        routes += doors.routes(site, access, provider)
    middleware = [Middleware(WithHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]

    async def absent(request: Request, _error: Exception) -> Response:
        return site.render(request, "absent.html", 404)

    handlers = {404: absent}
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan, exception_handlers=handlers)
