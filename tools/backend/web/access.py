"""Who may see and do what on the pages: people with passwords or of an OIDC provider, roles, sessions.

There is no default password. Where nobody is known yet, a link that works once is told in the log of the process that
whoever started it can read; there the first administrator is named.
"""

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tools.backend.schema import DECISION, PERSON, SESSION
from tools.backend.store import Row, Store
from tools.backend.web import audit

READER, OPERATOR, ADMIN = "reader", "operator", "admin"
ROLES = (READER, OPERATOR, ADMIN)  # each may what those before it may

PASSWORD_MIN, PASSWORD_MAX = 12, 200
NAME_MAX = 100
_IDLE_S_MAX, _AGE_S_MAX = 30 * 60, 12 * 3600
_SESSIONS_MAX = 10_000
# RFC 7914; 32 MiB and about 0.1 s for each try, ours and a thief's.
_N, _R, _P = 1 << 15, 8, 1
_TRIES_MAX, _TRIES_S = 5, 15 * 60  # of one name; then it must wait
_NAMES_WATCHED_MAX = 10_000


class Refused(Exception):
    """What was asked for cannot be; args[0] is a key of words.py."""


@dataclass(frozen=True)
class Session:
    """Somebody who is logged in."""

    who: str
    role: str
    csrf: str
    token: str  # its hash

    def may(self, role: str) -> bool:
        """Whether this role's things are allowed."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Access:
    """People, sessions, decisions, and the log of all of it."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, local: bool = True) -> None:
        self.store = store
        self.local = local  # whether there are people with passwords here
        self._clock = clock
        self._failed: dict[str, deque[float]] = {}
        self.first = secrets.token_urlsafe(24) if local and not self.people() else ""

    @property
    def now_s(self) -> int:
        """Of the log and of sessions."""
        return int(self._clock())

    # People

    def people(self) -> list[Row]:
        """All of them."""
        return list(self.store.rows("SELECT name, role, since_s, active FROM person ORDER BY name"))

    def begin(self, link: str, name: str, password: str) -> str:
        """Name the first administrator by the link that was told; their session's token."""
        if not self.first or not hmac.compare_digest(link.encode(), self.first.encode()):
            raise Refused("wrong_link")
        self.add(name, password, ADMIN, by="first start")
        self.first = ""
        return self._open(name, ADMIN)

    def add(self, name: str, password: str, role: str, by: str) -> None:
        """A new person."""
        name = name.strip()
        if not name or len(name) > NAME_MAX or not name.isprintable():
            raise Refused("bad_name")
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise Refused("bad_password")
        if role not in ROLES:
            raise Refused("bad_role")
        row = {"name": name, "role": role, "password": _locked(password), "since_s": self.now_s, "active": 1}
        with self.store.transaction():
            if not self.store.add(PERSON, [row], ("name",)):
                raise Refused("name_taken")
            audit.note(self.store, self.now_s, by, "person added", name, role)

    def change(self, name: str, role: str, active: bool, by: str) -> None:
        """Another role, or none; their sessions end. The last administrator stays one."""
        if role not in ROLES:
            raise Refused("bad_role")
        with self.store.transaction():
            self.store.lock(hash_of("person"))
            left = self.store.one(
                "SELECT COUNT(*) AS n FROM person WHERE role = ? AND active = 1 AND name <> ?", (ADMIN, name)
            )
            if (role != ADMIN or not active) and left is not None and left["n"] == 0:
                raise Refused("last_admin")
            changed = self.store.rows(
                "UPDATE person SET role = ?, active = ? WHERE name = ? RETURNING name", (role, int(active), name)
            )
            if not changed:
                raise Refused("bad_name")
            self.store.rows("DELETE FROM session WHERE who = ?", (name,))
            audit.note(self.store, self.now_s, by, "person changed", name, role if active else "none")

    # Sessions

    def login(self, name: str, password: str) -> str:
        """A session's token for the right password; Refused says no more than that it was wrong, or to wait."""
        name = name.strip()[:NAME_MAX]
        now_s = self._clock()
        failed = self._failed.setdefault(name, deque(maxlen=_TRIES_MAX))
        if len(failed) == _TRIES_MAX and now_s - failed[0] < _TRIES_S:
            raise Refused("wait")
        row = self.store.one("SELECT role, password, active FROM person WHERE name = ?", (name.replace("\0", ""),))
        # The same work for a name that nobody has: how long it takes tells nothing.
        right = _opens(password[:PASSWORD_MAX], row["password"] if row else _NOBODY)
        if not (self.local and row and right and row["active"]):
            failed.append(now_s)
            while len(self._failed) > _NAMES_WATCHED_MAX:
                del self._failed[next(iter(self._failed))]
            with self.store.transaction():
                audit.note(self.store, self.now_s, name, "login refused")
            raise Refused("wrong_login")
        del self._failed[name]
        return self._open(name, row["role"])

    def admit(self, name: str, role: str) -> str:
        """A session for somebody whom an OIDC provider vouches for."""
        if role not in ROLES or not name.strip():
            raise Refused("no_role")
        return self._open(name.strip()[:NAME_MAX], role)

    def _open(self, name: str, role: str) -> str:
        token, now_s = secrets.token_urlsafe(32), self.now_s
        row = {
            "token": _hashed(token), "who": name, "role": role, "csrf": secrets.token_urlsafe(24), "since_s": now_s,
            "seen_s": now_s,
        }  # fmt: skip
        with self.store.transaction():
            self.store.rows(
                "DELETE FROM session WHERE seen_s < ? OR since_s < ?", (now_s - _IDLE_S_MAX, now_s - _AGE_S_MAX)
            )
            count = self.store.one("SELECT COUNT(*) AS n FROM session")
            if count is not None and count["n"] >= _SESSIONS_MAX:
                raise Refused("wait")
            self.store.add(SESSION, [row])
            audit.note(self.store, now_s, name, "login", detail=role)
        return token

    def session(self, token: str | None) -> Session | None:
        """Whose token this is, if it still counts."""
        row = self.store.one("SELECT * FROM session WHERE token = ?", (_hashed(token),)) if token else None
        now_s = self.now_s
        if row is None or now_s - row["seen_s"] > _IDLE_S_MAX or now_s - row["since_s"] > _AGE_S_MAX:
            return None
        if now_s - row["seen_s"] > 60:  # not a write for every look
            self.store.rows("UPDATE session SET seen_s = ? WHERE token = ?", (now_s, row["token"]))
        return Session(row["who"], row["role"], row["csrf"], row["token"])

    def logout(self, session: Session) -> None:
        """End it."""
        with self.store.transaction():
            self.store.rows("DELETE FROM session WHERE token = ?", (session.token,))
            audit.note(self.store, self.now_s, session.who, "logout")

    # What they do

    def decided(self, subject: str, action: str, who: str) -> None:
        """Note a decision, inside the transaction that does it."""
        row = {"subject": subject, "action": action, "who": who, "at_s": self.now_s}
        if not self.store.add(DECISION, [row], ("subject",)):
            sql = "UPDATE decision SET action = ?, who = ?, at_s = ? WHERE subject = ?"
            self.store.rows(sql, (action, who, self.now_s, subject))
        audit.note(self.store, self.now_s, who, action, subject)

    def saw(self, who: str, subject: str) -> None:
        """Note that somebody looked at a patient's readings."""
        with self.store.transaction():
            audit.note(self.store, self.now_s, who, "looked at", subject)


def hash_of(name: str) -> int:
    """A number for `Store.lock`."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _locked(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def _opens(password: str, locked: str) -> bool:
    _, n, r, p, salt, key = locked.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p)), bytes.fromhex(key))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=n, r=r, p=p, maxmem=64 << 20, dklen=32)


_NOBODY = f"scrypt${_N}${_R}${_P}${'00' * 16}${'00' * 32}"
