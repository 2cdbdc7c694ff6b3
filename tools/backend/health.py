"""What hubs tell of themselves: signed reports are kept and, with a nonce, answered with the time.

A report names the last sequence and capture number, so that the platform can say that nothing is missing
after the last envelope. What is unsigned or another's changes nothing; the broker's last will, which no hub
can sign, says only that the hub has fallen silent.
"""

import json
from dataclasses import asdict

from tools.backend.keys import HubKeys, KeyProblem, Keyring, load_point
from tools.backend.receipt import make_time_answer
from tools.backend.store import Store
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import Health, decode_health

LAST_WILL = b"gone"  # firmware/health.py
_NUMBER_MAX = 1 << 53  # as in receiver.py


class HealthDesk:
    """Takes what arrives on a hub's health topic."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store = store
        self.keyring = keyring

    def handle(self, hub: str, octets: bytes, now_ms: int) -> bytes | None:
        """Keep a report; give the time answer for the hub's receipt topic when the report asks for one."""
        try:
            keys = self.keyring.hub(hub)
        except KeyProblem:
            keys = None
        if keys is None:
            return None  # a stranger's health is nobody's question
        now_s = now_ms // 1000
        if octets == LAST_WILL:
            with self.store.transaction():
                self.store.hub_gone(hub, now_s)
            return None
        try:
            report = _read(octets, keys)
        except BadMessage:
            with self.store.transaction():
                self.store.saw_hub(hub, now_s, refused=1)
            return None
        with self.store.transaction():
            self.store.saw_hub(hub, now_s)
            self.store.reported(hub, report.chain, report.sequence, report.capture, now_s)
            self.store.keep_health(hub, bytes(octets), _content(report), now_s)
        return None if report.nonce is None else make_time_answer(self.keyring, keys, report.nonce, now_ms)


def _read(octets: bytes, keys: HubKeys) -> Health:
    report = decode_health(bytes(octets), lambda kid: load_point(keys.signing) if kid == keys.kid else None)
    if report.hub != keys.hub:
        raise BadMessage("payload", "another hub's")
    if max(report.sequence, report.capture, report.waiting) > _NUMBER_MAX:
        raise BadMessage("payload", "a number beyond any hub's life")
    return report


def _content(report: Health) -> str:
    facts = asdict(report)
    del facts["hub"], facts["nonce"]
    return json.dumps(facts, ensure_ascii=False)
