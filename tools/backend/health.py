"""What hubs tell of themselves: signed reports are kept and, with a nonce, answered with the time.

A report names the last sequence and capture number, so that the platform can say that nothing is missing
after the last envelope. What is unsigned or another's changes nothing; the broker's last will, which no hub
can sign, says only that the hub has fallen silent.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from tools.backend.keys import HubKeys, KeyProblem, Keyring, kid_of
from tools.backend.letters import NUMBER_MAX
from tools.backend.orders import OrderQueue
from tools.backend.receipt import make_time_answer
from tools.backend.store import Store
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import Health, decode_health, proves_new_key

LAST_WILL = b"gone"  # firmware/health.py


class HealthDesk:
    """Takes what arrives on a hub's health topic."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store = store
        self.orders = OrderQueue(store)
        self.keyring = keyring

    def handle(self, hub: str, octets: bytes, now_ms: int) -> bytes | None:
        """Keep a report; give the time answer for the hub's receipt topic when the report asks for one."""
        return self.handle_many([(hub, octets)], now_ms)[0]

    def handle_many(self, letters: Sequence[tuple[str, bytes]], now_ms: int) -> list[bytes | None]:
        """Several under one commit; a stranger's health is nobody's question."""
        known = [(at, *letter, keys) for at, letter in enumerate(letters) if (keys := self._keys(letter[0]))]
        understood = {at: _understood(octets, keys) for at, _, octets, keys in known}

        def keep() -> None:
            self.store.saw_hubs({hub for _, hub, _, _ in known}, now_ms // 1000)
            for at, hub, octets, _ in known:
                self._keep(hub, octets, understood[at], now_ms // 1000)

        if known:
            self.store.transact(keep)
        answers = {
            at: make_time_answer(self.keyring, keys, report.nonce, now_ms, self._renewed(keys, report))
            for at, _, _, keys in known
            if isinstance(report := understood[at], Health) and report.nonce is not None
        }
        return [answers.get(at) for at in range(len(letters))]

    def _renewed(self, keys: HubKeys, report: Health) -> bytes:
        """The kid of the new signing key that a report announces, once it is on disk; b"" when there is none."""
        if report.new_key is None or not proves_new_key(keys.hub, *report.new_key):
            return b""
        try:
            self.keyring.renew(keys.hub, report.new_key[0])
        except (KeyProblem, OSError):
            return b""  # the hub asks again
        return kid_of(report.new_key[0])

    def _keep(self, hub: str, octets: bytes, understood: Health | bytes | None, now_s: int) -> None:
        if understood is LAST_WILL:
            self.store.hub_gone(hub, now_s)
        elif isinstance(understood, Health):
            report = understood
            self.store.reported(hub, report.chain, report.sequence, report.capture, now_s)
            self.store.keep_health(hub, bytes(octets), _content(report), now_s)
            if report.order is not None:
                self.orders.told(hub, **report.order)
        else:
            self.store.count(hub, 0, 1)

    def _keys(self, hub: str) -> HubKeys | None:
        try:
            return self.keyring.hub(hub)
        except KeyProblem:
            return None


def _understood(octets: bytes, keys: HubKeys) -> Health | bytes | None:
    """A report, the last will, or None for what is neither."""
    if octets == LAST_WILL:
        return LAST_WILL
    try:
        return _read(octets, keys)
    except BadMessage:
        return None


def _read(octets: bytes, keys: HubKeys) -> Health:
    report = decode_health(bytes(octets), keys.public)
    if report.hub != keys.hub:
        raise BadMessage("payload", "another hub's")
    if max(report.sequence, report.capture, report.waiting) > NUMBER_MAX:
        raise BadMessage("payload", "a number beyond any hub's life")
    return report


def _content(report: Health) -> str:
    facts = asdict(report)
    del facts["hub"], facts["nonce"], facts["new_key"]
    return json.dumps(facts, ensure_ascii=False)
