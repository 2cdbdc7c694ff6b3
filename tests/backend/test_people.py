"""Who gets in, what forms are believed, a log that shows each change: asked as an attacker would, without a browser."""

import base64
import hashlib
import json
import re
import threading
import time
from contextlib import closing

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.backend.envelopes import HUB
from tests.backend.organisation import ADMIN, HOSTILE, OPERATOR, PASSWORD, READER, fill, staff
from tools.backend.servers.ports import free_port
from tools.backend.store import Store
from tools.backend.web import access as doors
from tools.backend.web import audit
from tools.backend.web.access import Access, Refused
from tools.backend.web.oidc import BadOidc, read
from tools.backend.web.serve import PageServer

PAGES = ("", f"hub/{HUB}", f"hub/{HUB}/series", "patients", "patient/x", "held", "people", "audit", "events")
FORMS = ("held", "people/add", "people/change")


@pytest.fixture
def server(tmp_path):
    database = str(tmp_path / "store.db")
    fill(database)
    staff(database)
    with PageServer(database, guarded=True) as server:
        server.database = database
        yield server


class Visitor(httpx.Client):
    """Somebody with a browser's cookies and no scruples."""

    def __init__(self, server, name=None):
        super().__init__(base_url=server.url, timeout=10, trust_env=False)
        self._name = name

    def __enter__(self):
        super().__enter__()
        if self._name:
            assert self.post("login", data={"name": self._name, "password": PASSWORD}).headers["location"] == "/"
        return self

    def csrf(self):
        return re.search(r'name="csrf" value="([^"]+)"', self.get("held").text).group(1)


@pytest.mark.promise("P10", "P12")
def test_nobody_sees_anything_before_a_login(server):
    with Visitor(server) as visitor:
        for path in PAGES:
            answer = visitor.get(path)
            assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/login", "")
        for path in FORMS:
            assert visitor.post(path, data={"subject": "x"}).headers["location"] == "/login"
        assert visitor.get("login").status_code == 200
        visitor.cookies.set("telehub_session", "guessed")
        assert visitor.get("held").status_code == 303


@pytest.mark.promise("P10")
def test_a_form_from_elsewhere_changes_nothing(server):
    with Visitor(server, ADMIN) as visitor:
        data = {"name": "Eve", "password": PASSWORD, "role": "admin"}
        assert visitor.post("people/add", data=data).status_code == 400
        assert visitor.post("people/add", data=data | {"csrf": "x"}).status_code == 400
        good = data | {"csrf": visitor.csrf()}
        for origin in ("https://evil.example", "null", server.url.replace("http://", "http://x.")):
            assert visitor.post("people/add", data=good, headers={"origin": origin}).status_code == 400
        assert visitor.post("people/add", content=b"a=" + b"x" * 9000).status_code == 400
        assert visitor.post("logout", data={}).status_code == 403
        assert "Eve" not in visitor.get("people").text
        assert visitor.post("people/add", data=good, headers={"origin": server.url[:-1]}).status_code == 303
        assert "Eve" in visitor.get("people").text
        with Visitor(server, OPERATOR) as other:  # one session's word is of no use in another
            subject = re.search(r'name="subject" value="([^"]+)"', other.get("held").text).group(1)
            stolen = {"csrf": visitor.csrf(), "subject": subject, "action": "seen"}
            assert other.post("held", data=stolen).status_code == 403


@pytest.mark.promise("P10")
def test_each_role_may_what_it_may_and_no_more(server):
    for name, allowed in ((READER, 6), (OPERATOR, 6), (ADMIN, 8)):
        with Visitor(server, name) as visitor:
            seen = [visitor.get(path).status_code for path in PAGES[:4] + PAGES[5:8]]
            assert seen == [200] * 5 + [200 if allowed == 8 else 403] * 2
            csrf = visitor.csrf()
            codes = [visitor.post(path, data={"csrf": csrf, "subject": "x", "name": "x"}).status_code for path in FORMS]
            assert codes == {READER: [403, 403, 403], OPERATOR: [409, 403, 403], ADMIN: [409, 400, 400]}[name]


@pytest.mark.promise("P10", "P12")
def test_hostile_fields_are_refused_or_shown_as_text(server):
    with Visitor(server, ADMIN) as visitor:
        csrf = visitor.csrf()

        def add(**fields):
            return visitor.post("people/add", data={"csrf": csrf, "role": "reader", "password": PASSWORD} | fields)

        assert add(name=HOSTILE).status_code == 303
        page = visitor.get("people").text
        assert "<img" not in page.replace('<img src="/static/mark.svg"', "")
        assert "{{7*7}}" in page
        for name in ("", " ", "x" * 101, "a\nb", "a\0b", "\u202eevil"):
            assert add(name=name).status_code == 400
        assert add(name="short", password="x" * 11).status_code == 400
        assert add(name="long", password="x" * 201).status_code == 400
        assert add(name="role", role="root").status_code == 400
        assert add(name=ADMIN).status_code == 400
        for subject in ("' OR 1=1 --", "a\0b", "x" * 5000, "../..", "a:b:c:d", ":::"):
            for action in ("again", "release", "seen", "drop"):
                answer = visitor.post("held", data={"csrf": csrf, "subject": subject, "action": action})
                assert answer.status_code == 409
        for path in ("hub/%00", "patient/%00", "patient/' OR 1=1", "hub/../../etc/passwd", "static/%2e%2e/site.py"):
            assert visitor.get(path).status_code == 404
        assert visitor.get("held", headers={"cookie": "a=\x7f; telehub_session=\"\\000\""}).status_code in (200, 303)
        with closing(Store(server.database)) as store:
            assert store.one("SELECT COUNT(*) AS n FROM fut WHERE state = 'held'")["n"] == 2
            assert audit.verify(store).problem == ""


@pytest.mark.promise("P12")
def test_a_page_and_its_cookie_say_who_may_use_them(server):
    with Visitor(server) as visitor:
        answer = visitor.post("login", data={"name": ADMIN, "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie  # this is http, on loopback
        again = {"name": ADMIN, "password": PASSWORD, "csrf": visitor.csrf()}
        behind = visitor.post("login", data=again, headers={"x-forwarded-proto": "https"})
        assert "Secure" in behind.headers["set-cookie"]
        assert behind.headers["strict-transport-security"]
        for name, value in {
            "x-frame-options": "DENY", "x-content-type-options": "nosniff", "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin", "referrer-policy": "same-origin",
        }.items():  # fmt: skip
            assert answer.headers[name] == value
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy
        with closing(Store(server.database)) as store:  # a thief of the database has no session and no password
            token = answer.cookies["telehub_session"]
            rows = [row for table in ("session", "person") for row in store.rows(f"SELECT * FROM {table}")]
            held = json.dumps([dict(row) for row in rows])
            assert token not in held and PASSWORD not in held and "scrypt$32768$8$1$" in held


def test_guessing_is_slow_and_an_unknown_name_looks_like_a_wrong_password(database):
    clock = [1000.0]
    staff(database)
    with closing(Store(database)) as store:
        access = Access(store, clock=lambda: clock[0])
        for name in (ADMIN, "nobody"):
            for _ in range(5):
                with pytest.raises(Refused, match="wrong_login"):
                    access.login(name, "x" * 12)
            with pytest.raises(Refused, match="wait"):
                access.login(name, PASSWORD)
        clock[0] += doors._TRIES_S + 1
        assert access.session(access.login(ADMIN, PASSWORD)).who == ADMIN
        told = [row["action"] for row in store.rows("SELECT action FROM audit ORDER BY id")]
        assert told.count("login refused") == 10 and told[-1] == "login"


def test_a_session_ends_by_itself_and_with_its_role(database):
    clock = [1_000_000.0]
    staff(database)
    with closing(Store(database)) as store:
        access = Access(store, clock=lambda: clock[0])
        token = access.login(OPERATOR, PASSWORD)
        clock[0] += doors._IDLE_S_MAX - 1
        assert access.session(token).may("operator") and not access.session(token).may("admin")
        clock[0] += doors._IDLE_S_MAX + 1
        assert access.session(token) is None
        token = access.login(OPERATOR, PASSWORD)
        for _ in range(40):  # busy all day
            clock[0] += doors._IDLE_S_MAX - 60
            last = access.session(token)
        assert last is None
        token = access.login(OPERATOR, PASSWORD)
        access.change(OPERATOR, "operator", False, ADMIN)
        assert access.session(token) is None
        with pytest.raises(Refused, match="wrong_login"):
            access.login(OPERATOR, PASSWORD)
        with pytest.raises(Refused, match="last_admin"):
            access.change(ADMIN, "reader", True, ADMIN)


@pytest.mark.promise("P10")
def test_there_is_no_default_password_and_the_first_link_works_once(tmp_path):
    database = str(tmp_path / "store.db")
    with PageServer(database, guarded=True) as server, Visitor(server) as visitor:
        for name, password in (("admin", "admin"), ("admin", ""), ("root", "telehub")):
            assert visitor.post("login", data={"name": name, "password": password}).status_code == 403
        link = server.first_url.partition("link=")[2]
        for wrong in ("", "x", link[:-1]):
            assert visitor.post("first", data={"link": wrong, "name": "A", "password": PASSWORD}).status_code == 403
        good = {"link": link, "name": "A", "password": PASSWORD}
        short = {"password": "short"}  # pragma: allowlist secret - which is why it is refused
        assert visitor.post("first", data=good | short).status_code == 403
        assert visitor.post("first", data=good).status_code == 303
        assert visitor.post("first", data=good).status_code == 403
    with PageServer(database, guarded=True) as server:
        assert server.first_url == ""  # somebody is known


@pytest.mark.promise("P12")
def test_the_log_cannot_be_edited_in_place_and_a_change_behind_its_back_is_found(database, capsys):
    staff(database)
    with closing(Store(database)) as store:
        Access(store).saw(ADMIN, "Patient/1")
        for sql in ("UPDATE audit SET who = 'x' WHERE id = 2", "DELETE FROM audit WHERE id = 2", "DELETE FROM audit"):
            with pytest.raises(DBAPIError):
                store.rows(sql)
        assert audit.verify(store) == audit.Verdict(4, store.one("SELECT hash FROM audit WHERE id = 4")["hash"])
        head = audit.verify(store).head
        assert audit.main(["--database", database, "--head", head]) == 0
        for trigger in ("audit_no_update", "audit_no_delete") if store.sqlite else ("audit_stays ON audit",):
            store.rows(f"DROP TRIGGER {trigger}")  # whoever owns the database
        store.rows("UPDATE audit SET subject = 'Patient/2' WHERE id = 4")
        assert audit.verify(store).problem == "entry 4 is not as it was written"
        assert audit.main(["--database", database]) == 1
        store.rows("UPDATE audit SET subject = 'Patient/1' WHERE id = 4")
        assert audit.verify(store).problem == ""
        store.rows("DELETE FROM audit WHERE id = 4")
        assert audit.verify(store).problem == ""  # a shortened end shows only against a hash that was told
        assert audit.main(["--database", database, "--head", head]) == 1
        store.rows("DELETE FROM audit WHERE id = 2")
        assert audit.verify(store).problem == "entry 2 is missing"


def test_a_store_of_the_revision_before_gets_people_and_a_guarded_log(database):
    with closing(Store(database)) as store:
        for table in ("person", "session", "decision", "audit", "hub_order"):  # all that came after
            store.rows(f"DROP TABLE {table}")
        if not store.sqlite:
            store.rows("DROP FUNCTION audit_stays")
        store.rows("UPDATE alembic_version SET version_num = '0002'")
    staff(database)
    with closing(Store(database)) as store, pytest.raises(DBAPIError):
        store.rows("DELETE FROM audit")


# --- OpenID Connect


class Organisation:
    """A provider as small as one can be: discovery, authorization, token, keys (OpenID Connect Core, RFC 7636)."""

    def __init__(self, port):
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = ECKey.generate_key("P-256", {"kid": "1", "use": "sig", "alg": "ES256"})
        self.claims, self.asked = {}, {}
        routes = [
            Route("/.well-known/openid-configuration", self.about), Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]), Route("/keys", self.keys),
        ]  # fmt: skip
        self.app = Starlette(routes=routes)

    async def about(self, _request):
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse({"issuer": self.issuer} | {name: f"{self.issuer}/{at}" for name, at in places.items()})

    async def authorize(self, request):
        self.asked = dict(request.query_params)
        assert self.asked["response_type"] == "code" and self.asked["code_challenge_method"] == "S256"
        return RedirectResponse(f"{self.asked['redirect_uri']}?code=c0de&state={self.asked['state']}", 303)

    async def token(self, request):
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.asked["code_challenge"]
        now_s = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "telehub", "sub": "u1", "preferred_username": "Oda", "exp": now_s + 60,
            "iat": now_s, "nonce": self.asked["nonce"], "roles": ["nurses"],
        } | self.claims  # fmt: skip
        key = self.claims.get("key", self.key)
        claims.pop("key", None)
        token = jwt.encode({"alg": "ES256", "kid": "1"}, {k: v for k, v in claims.items() if v is not None}, key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": token})

    async def keys(self, _request):
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@pytest.fixture
def organisation(tmp_path):
    port, ours = free_port(), free_port()
    made = Organisation(port)
    runner = uvicorn.Server(uvicorn.Config(made.app, port=port, log_config=None))
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    (tmp_path / "secret").write_text("of these tests")
    (tmp_path / "secret").chmod(0o600)
    file = tmp_path / "oidc.json"
    file.write_text(json.dumps({
        "format": 1, "issuer": made.issuer, "client": "telehub", "secret_file": "secret",
        "back": f"http://127.0.0.1:{ours}/signed-on", "roles": {"nurses": "operator", "it": "admin"},
    }))  # fmt: skip
    while not runner.started:
        time.sleep(0.01)
    with PageServer(str(tmp_path / "store.db"), port=ours, guarded=True, provider=read(file)) as server:
        made.server = server
        yield made
    runner.should_exit = True
    thread.join()


def signed_on(visitor):
    """Through the provider and back; where one ends."""
    answer = visitor.get("sign-on")
    while answer.status_code == 303 and answer.headers["location"] not in ("/", "/login"):
        answer = visitor.get(answer.headers["location"])
    return answer


@pytest.mark.promise("P10")
def test_the_organisations_login_gives_its_role(organisation):
    with Visitor(organisation.server) as visitor:
        assert "password" not in visitor.get("login").text.lower().replace("adgangskode", "")
        assert signed_on(visitor).headers["location"] == "/"
        page = visitor.get("held").text
        assert "Oda" in page and "may decide" in page
        assert visitor.get("people").status_code == 403
        local = {"name": "Oda", "password": "x" * 12, "csrf": visitor.csrf()}
        assert visitor.post("login", data=local).status_code == 403


@pytest.mark.promise("P10")
@pytest.mark.parametrize("claims", [
    {"aud": "another"}, {"aud": ["telehub", "another"]}, {"iss": "http://127.0.0.1:1"}, {"nonce": "replayed"},
    {"nonce": None}, {"exp": 1_000_000_000}, {"exp": None}, {"iat": 4_000_000_000}, {"roles": ["guests"]},
    {"roles": []}, {"roles": None}, {"key": ECKey.generate_key("P-256", {"kid": "1"})},
], ids=lambda claims: "another key" if "key" in claims else str(claims))  # fmt: skip
def test_a_token_that_does_not_fit_lets_nobody_in(organisation, claims):
    organisation.claims = claims
    with Visitor(organisation.server) as visitor:
        assert signed_on(visitor).status_code == 403
        assert visitor.get("held").status_code == 303


@pytest.mark.promise("P10")
def test_an_answer_of_the_provider_counts_once_and_in_one_browser(organisation):
    with Visitor(organisation.server) as visitor, Visitor(organisation.server) as victim:
        away = visitor.get("sign-on").headers["location"]
        back = visitor.get(away).headers["location"]
        assert victim.get(back).status_code == 403  # an attacker's login forced upon somebody
        assert visitor.get(back).headers["location"] == "/"
        assert visitor.get(back).status_code == 403
        assert visitor.get("signed-on?state=x&code=y").status_code == 403
        assert visitor.get("signed-on").status_code == 403


@pytest.mark.parametrize("change", [
    {"issuer": "http://provider.example"}, {"roles": {"x": "root"}}, {"secret_file": "absent"}, {"more": 1},
    {"format": 2},
])  # fmt: skip
def test_a_bad_oidc_file_is_refused(tmp_path, change):
    good = {
        "format": 1, "issuer": "https://p.example", "client": "c", "secret_file": "s", "roles": {},
        "back": "https://o.example/signed-on",
    }  # fmt: skip
    (tmp_path / "s").write_text("x")
    (tmp_path / "s").chmod(0o600)
    (tmp_path / "f").write_text(json.dumps(good))
    read(tmp_path / "f")
    (tmp_path / "f").write_text(json.dumps(good | change))
    with pytest.raises(BadOidc):
        read(tmp_path / "f")
