"""Login, logout, the first start, single sign-on; and who may what, and who did what."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tools.backend.web import audit
from tools.backend.web.access import ADMIN, ROLES, Access, Refused
from tools.backend.web.oidc import BadLogin, Provider
from tools.backend.web.site import BadForm, Site
from tools.backend.web.view import iso

_SHOWN_MAX = 200


def routes(site: Site, access: Access, provider: Provider | None) -> list[Route]:
    """The doors, and the pages of whoever keeps the keys."""

    async def login(request: Request) -> Response:
        return site.render(request, "login.html", problem="")

    async def log_in(request: Request) -> Response:
        try:
            form = await site.form(request)
            token = access.login(form.get("name", ""), form.get("password", ""))
        except (Refused, BadForm) as refused:
            problem = str(refused) or "bad_form"
            return site.render(request, "login.html", 429 if problem == "wait" else 403, problem=problem)
        return site.let_in(request, token)

    async def log_out(request: Request) -> Response:
        try:
            await site.form(request)
        except BadForm:
            return site.render(request, "absent.html", 403)
        session = site.session(request)
        if session is not None:
            access.logout(session)
        return site.let_out(request)

    async def first(request: Request) -> Response:
        link = request.query_params.get("link", "")
        return site.render(request, "first.html" if access.first else "absent.html", link=link, problem="")

    async def begin(request: Request) -> Response:
        form: dict[str, str] = {}
        try:
            form = await site.form(request)
            token = access.begin(form.get("link", ""), form.get("name", ""), form.get("password", ""))
        except (Refused, BadForm) as refused:
            problem = str(refused) or "bad_form"
            return site.render(request, "first.html", 403, link=form.get("link", ""), problem=problem)
        return site.let_in(request, token)

    async def sign_on(request: Request) -> Response:
        if provider is None:
            return site.render(request, "absent.html", 404)
        try:
            return site.sign_on(request, *await provider.begin())
        except BadLogin:
            return site.render(request, "login.html", 502, problem="provider_away")

    async def signed_on(request: Request) -> Response:
        if provider is None:
            return site.render(request, "absent.html", 404)
        try:
            if site.state(request) != request.query_params.get("state", ""):
                raise BadLogin("another browser")
            name, role = await provider.end(dict(request.query_params))
            token = access.admit(name, role)
        except (BadLogin, Refused) as refused:
            problem = str(refused) if isinstance(refused, Refused) else "wrong_login"
            return site.render(request, "login.html", 403, problem=problem)
        return site.let_in(request, token)

    async def people(request: Request, problem: str = "", status: int = 200) -> Response:
        return site.render(request, "people.html", status, people=access.people(), roles=ROLES, problem=problem)

    async def change(request: Request) -> Response:
        session = site.session(request)
        assert session is not None
        try:
            form = await site.form(request)
            name, role = form.get("name", ""), form.get("role", "")
            if request.url.path.endswith("/add"):
                access.add(name, form.get("password", ""), role, session.who)
            else:
                access.change(name, role, form.get("active") == "1", session.who)
        except (Refused, BadForm) as refused:
            return await people(request, str(refused) or "bad_form", 400)
        return RedirectResponse("/people", 303)

    async def log(request: Request) -> Response:
        rows = site.store.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ?", (_SHOWN_MAX,))
        entries = [dict(row) | {"time": iso(row["at_s"])} for row in rows]
        return site.render(request, "audit.html", entries=entries, verdict=audit.verify(site.store))

    return [
        Route("/login", login), Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/first", first), Route("/first", begin, methods=["POST"]),
        Route("/sign-on", sign_on), Route("/signed-on", signed_on),
        Route("/people", site.guarded(people, ADMIN)),
        Route("/people/add", site.guarded(change, ADMIN), methods=["POST"]),
        Route("/people/change", site.guarded(change, ADMIN), methods=["POST"]),
        Route("/audit", site.guarded(log, ADMIN)),
    ]  # fmt: skip
