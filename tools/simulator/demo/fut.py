"""The far end of the demo: the platform sends on what it has stored, and a stand-in for FUT takes or refuses it."""

import random
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from firmware.measurement.zone import Zone
from tools.backend.fut import context, moment
from tools.backend.fut.call import TIMEOUT
from tools.backend.fut.client import Client
from tools.backend.fut.ledger import CONFIRMED, HELD, Ledger
from tools.backend.fut.sender import Sender
from tools.backend.fut.standin.desk import Desk
from tools.backend.fut.standin.kept import Kept
from tools.backend.fut.standin.known import of_context
from tools.backend.fut.standin.serve import Server
from tools.backend.fut.standin.tokens import Tokens as Provided
from tools.backend.fut.token import Provider, Secret, Tokens
from tools.backend.store import Store
from tools.simulator.house import HUB, ZONE

_DAYS = 3  # the story has two, and may begin late
_TIMES = (("06:00", "11:00"), ("17:00", "20:30"))  # of a home's plan: mornings and evenings
_NPU, _SKS = "urn:oid:1.2.208.176.2.1", "urn:oid:1.2.208.176.2.4"
_PRESSURE, _PULSE = (_SKS, "ZZ3170", "panel"), (_NPU, "NPU21692", "single")
_OXYGEN, _WEIGHT = (_NPU, "NPU03011", "single"), (_NPU, "NPU03804", "single")
# What a plan asks for of each model.
_ASKED = {"UA-651BLE": (_PRESSURE, _PULSE), "Model 3230": (_OXYGEN, _PULSE), "UC-352BLE": (_WEIGHT,)}
_SERVICE = "https://{}.fut.example.test/fhir/{}/{}"


class Fut:
    """Made once the home has its devices; a context that ends with the home."""

    def __init__(self, home: Any) -> None:
        self._home = home
        self.content = plan(home)
        checked = context.of(self.content)
        secret = secrets.token_urlsafe()
        self._kept = Kept(":memory:")
        desk = Desk(of_context(self.content, checked.tables), self._kept, Provided("telehub", secret))
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-")
        file = Path(self._folder.name) / "fut"
        self._server = Server(desk, file=file)  # the demo needs no network
        self._http = httpx.Client(transport=httpx.HTTPTransport(uds=str(file)), timeout=TIMEOUT)
        provider = Provider(f"{self._server.url}/token", "telehub", Secret(secret), exchange=True)
        client = Client(self._http, self._server.url, Tokens(self._http, provider))
        self._store = Store(home.database)
        self._ledger = Ledger(self._store)
        chance = random.Random(f"fut {home.seed}")
        self._sender = Sender(self._ledger, client, lambda: checked, clock=home.time, chance=chance)
        self._told = 0

    def __enter__(self) -> "Fut":
        self._server.__enter__()
        self._home.forward = self.forward
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.__exit__()
        self._http.close()
        self._store.close()
        self._kept.close()
        self._folder.cleanup()

    def forward(self) -> str:
        """Send on what there is to send; what is new in FUT, in words."""
        while self._sender.round():
            pass
        new = [row.id for row in self._kept.all()][self._told :]
        self._told += len(new)
        return f"; in FUT: Observation/{', '.join(map(str, new))}" if new else ""

    def facts(self) -> dict[str, int]:
        """How far readings came."""
        counts = self._ledger.counts()
        return {
            "confirmed": counts.get(CONFIRMED, 0),
            "held": counts.get(HELD, 0),
            "waiting": sum(counts.values()) - counts.get(CONFIRMED, 0) - counts.get(HELD, 0),
            "observations": len(self._kept.all()),
        }

    def observations(self) -> Iterator[dict[str, Any]]:
        """What the stand-in has, in its order."""
        for row in self._kept.all():
            yield {"id": str(row.id), **row.content}


def plan(home: Any) -> dict[str, Any]:
    """A care plan for this home, as `telehub fhir --context` takes it. Nobody's numbers."""
    start = datetime.fromtimestamp(home.time(), UTC)
    timing = [*_resolved(start), {"type": "Extra"}]
    assignments = []
    for number, device in enumerate(home.devices, 1):
        requests = [
            {
                "code": {"system": system, "code": code},
                "service_request": _SERVICE.format("careplan", "ServiceRequest", 3100 + 10 * number + place),
                "version": "1",
                "shape": shape,
                "timing": timing,
                "reference_ranges": [],
            }
            for place, (system, code, shape) in enumerate(_ASKED[device.MODEL])
        ]
        assignments.append({
            "hub": HUB, "device": device.address, "slot": None,
            "valid_from": (start - timedelta(days=1)).isoformat(timespec="seconds"), "valid_to": None,
            "patient": _SERVICE.format("patient", "Patient", 5001),
            "episode_of_care": _SERVICE.format("careplan", "EpisodeOfCare", 1201),
            "device_reference": _SERVICE.format("device", "Device", 7000 + number), "requests": requests,
        })  # fmt: skip
    return {"format": 1, "ig": "8.0.0", "assignments": assignments}


def _resolved(start: datetime) -> Iterator[dict[str, str]]:
    zone = Zone(ZONE)
    for day in range(_DAYS):
        date = (start + timedelta(days=day)).date()
        for times in _TIMES:
            begins, ends = (
                moment.local_text(_utc(datetime.fromisoformat(f"{date}T{time}"), zone), zone) for time in times
            )
            yield {"type": "Resolved", "start": begins, "end": ends}


def _utc(local: datetime, zone: Zone) -> datetime:
    """The instant of a local time that comes once."""
    as_if = local.replace(tzinfo=UTC)
    return as_if - timedelta(minutes=zone.offset_min(int(as_if.timestamp())))
