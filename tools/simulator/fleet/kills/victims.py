"""What the killed processes do, for ever; and the plan by which FUT knows the homes."""

import threading
import time
from contextlib import suppress
from typing import Any

import httpx

from tools.backend.amqp import QueueService
from tools.backend.fut import context
from tools.backend.fut.client import Client
from tools.backend.fut.ledger import Ledger
from tools.backend.fut.sender import Patience, Sender
from tools.backend.fut.standin.desk import Desk
from tools.backend.fut.standin.faults import Faults
from tools.backend.fut.standin.kept import Kept
from tools.backend.fut.standin.known import of_context
from tools.backend.fut.standin.serve import Server
from tools.backend.fut.standin.tokens import Tokens as Provided
from tools.backend.fut.token import Provider, Secret, Tokens
from tools.backend.health import HealthDesk
from tools.backend.keys import Keyring
from tools.backend.receiver import Receiver
from tools.backend.store import Store, StoreProblem
from tools.simulator.fleet.sealed import Home

_SECRET = "of this run alone"  # pragma: allowlist secret - of a stand-in
_FAULTS = {"slow": 0.05, "fail": 0.1, "fail_after": 0.1, "lose": 0.1, "twice": 0.1}
_SLOW_S, _TIMEOUT_S = 0.03, 1.5
_PATIENCE = Patience(settle_s=4.0, first_wait_s=0.05, wait_s_max=0.5)
_AGAIN_S = 0.05  # until a victim that found its servers away looks again


def work(broker: str, database: str, keys: str) -> None:
    """A worker of the backend."""
    keyring = Keyring.open(keys)
    store = _opened(database)
    QueueService(broker, Receiver(store, keyring), HealthDesk(store, keyring), log=_silent).run(threading.Event())


def send(database: str, url: str, content: dict[str, Any]) -> None:
    """The sender to FUT."""
    checked = context.of(content)
    http = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
    tokens = Tokens(http, Provider(f"{url}/token", "telehub", Secret(_SECRET)))
    store = _opened(database)
    while True:
        try:
            sender = Sender(Ledger(store), Client(http, url, tokens), lambda: checked, patience=_PATIENCE)
            while True:
                if not sender.round():
                    time.sleep(_AGAIN_S)
        except Exception:  # noqa: BLE001 - the supervisor's place, as in fut/forward.py
            time.sleep(_AGAIN_S)


def stand_in(kept: str, port: int, content: dict[str, Any], number: int) -> None:
    """A FUT that has its bad moments."""
    checked = context.of(content)
    desk = Desk(of_context(content, checked.tables), Kept(kept), Provided("telehub", _SECRET))
    while True:
        with suppress(OSError), Server(desk, Faults(_FAULTS, number), port, _SLOW_S) as server:
            server.join()
        time.sleep(0.002)  # its predecessor's port is not free yet


def _opened(database: str) -> Store:
    while True:
        try:
            return Store(database)
        except StoreProblem:
            time.sleep(_AGAIN_S)


def _silent(_text: str) -> None:
    pass


def context_of(homes: list[Home]) -> dict[str, Any]:
    """Whose devices, which plans: a patient for each home, who measures whenever it suits."""

    def request(number: int, system: str, code: str, shape: str) -> dict[str, Any]:
        return {
            "code": {"system": system, "code": code}, "version": "1", "shape": shape, "timing": [],
            "service_request": f"https://careplan.fut.example.test/fhir/ServiceRequest/{number}",
            "reference_ranges": [],
        }  # fmt: skip

    npu, sks = "urn:oid:1.2.208.176.2.1", "urn:oid:1.2.208.176.2.4"
    asked = ((sks, "ZZ3170", "panel"), (npu, "NPU03804", "single"), (npu, "NPU03011", "single"))
    assignments = [
        {
            "hub": home.hub, "device": home.device(slot), "slot": None, "valid_from": "2026-01-01T00:00:00Z",
            "valid_to": None, "patient": f"https://patient.fut.example.test/fhir/Patient/{home.number}",
            "episode_of_care": f"https://careplan.fut.example.test/fhir/EpisodeOfCare/{home.number}",
            "device_reference": None, "requests": [request(home.number * 10 + slot, *asked[slot])],
        }
        for home in homes
        for slot in range(3)
    ]  # fmt: skip
    return {"format": 1, "ig": "8.0.0", "assignments": assignments}
