"""Security of the hub's links: pairing, encryption with a stored key, the secrets, and how each of them fails.

One procedure at a time over all links. Bumble's Security Manager does the cryptography; the order of events, the
timeouts and the silences are NimBLE's.
"""

import asyncio
import struct
from collections.abc import Generator
from dataclasses import dataclass

from bumble import hci, smp
from bumble.device import Device
from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

from tools.simulator.air import bonds
from tools.simulator.air.hub import Event, Steps
from tools.simulator.air.nimble import EINVAL, ENOENT, ENOMEM, HubLink, Nimble, Security, octets_field
from tools.simulator.air.resolving import ResolvingList

_PAIR, _PASSKEY = 8, 9
_ENCRYPTION_UPDATE, _GET_SECRET, _SET_SECRET, _PASSKEY_ACTION = 28, 29, 30, 31

_INPUT, _DISPLAY, _NUMERIC_COMPARISON = 2, 3, 4
_PROCEDURE_S_MAX = 30.0  # Core Specification, Vol 3 Part H 3.4
_PASSKEY_MAX = 999_999
_KEY_SIZE = 16
_WALK_MAX = 16  # peers that the boot's walk asks for at most
_KEY_MISSING = 0x06


@dataclass(eq=False)
class Procedure:
    """One pairing or encryption on its way."""

    link: HubLink
    secret: bonds.Secret | None = None
    timer: asyncio.TimerHandle | None = None
    action: int = 0
    answer: asyncio.Future | None = None
    task: asyncio.Task | None = None
    told_encrypted: bool = False


class _Delegate(PairingDelegate):
    """Answers Bumble's questions with what the firmware passes to gap_passkey."""

    def __init__(self, pairing: "Pairing", link: HubLink, io: int):
        super().__init__(PairingDelegate.IoCapability(io))  # distributes encryption and identity keys, as NimBLE does
        self._pairing = pairing
        self._link = link

    async def get_number(self) -> int:
        return await self._pairing.ask(self._link, _INPUT, 0)

    async def generate_passkey(self) -> int:
        return await self._pairing.ask(self._link, _DISPLAY, 0)

    async def display_number(self, number: int, digits: int) -> None:
        """The firmware chose it: nothing to show."""

    async def compare_numbers(self, number: int, digits: int) -> bool:
        return bool(await self._pairing.ask(self._link, _NUMERIC_COMPARISON, number))


class _Store(KeyStore):
    """Where Bumble's responder looks for a key: in the firmware, through IRQ 29."""

    def __init__(self, pairing: "Pairing"):
        self._pairing = pairing

    async def get(self, name: str) -> PairingKeys | None:
        return await self._pairing.keys_of_peer(name)

    async def update(self, name: str, keys: PairingKeys) -> None:
        """Pairing.finished tells the firmware."""

    async def delete(self, name: str) -> None:
        """The firmware's affair."""

    async def get_all(self) -> list:
        return []


class Pairing:
    """The hub's security manager."""

    def __init__(self, nimble: Nimble):
        self.nimble = nimble
        self._running: Procedure | None = None
        self._irk = bytes(bonds.IRK_OCTETS)
        self.resolving = ResolvingList()

    def services(self) -> dict:
        """What the hub may call."""
        return {_PAIR: self._pair, _PASSKEY: self._passkey}

    def on(self, device: Device) -> None:
        """The radio is on."""
        device.keystore = _Store(self)
        device.smp_manager.pairing_config_factory = self._config
        device.pairing_config_factory = self._config
        device.irk = self._irk

    def off(self) -> None:
        """The radio is off."""
        self.resolving.clear()
        if self._running is not None:
            self._stop(self._running)

    def on_link(self, link: HubLink) -> None:
        """A link was made."""
        connection = link.connection
        connection.on("security_request", lambda auth_req: self._on_security_request(link))
        connection.on("connection_encryption_change", lambda: self._on_encrypted(link))
        connection.on("connection_encryption_failure", lambda error: self._on_not_encrypted(link, error))
        connection.on("pairing_start", lambda: self._on_pairing_start(link))
        connection.on("pairing", lambda keys: self._on_paired(link, keys))
        connection.on("pairing_failure", lambda reason: self._on_failed(link))

    def _config(self, connection) -> PairingConfig:
        link = next(link for link in self.nimble.links.values() if link.connection is connection)
        config = self.nimble.config
        return PairingConfig(
            sc=bool(config["le_secure"]),
            mitm=bool(config["mitm"]),
            bonding=bool(config["bond"]),
            identity_address_type=PairingConfig.AddressType.PUBLIC,
            delegate=_Delegate(self, link, config["io"]),
        )

    # -- secrets

    def walk_secrets(self) -> Generator:
        """What the host asks when it starts: every peer, then its own IRK; after storing a new one the peers again."""
        yield from self._walk_peers()
        irk = yield Event(_GET_SECRET, struct.pack("<BB", bonds.IRK, 0) + octets_field(bonds.IRK_KEY))
        if irk is not None and len(irk) == bonds.IRK_OCTETS:
            self._irk = irk
        else:
            self._irk = self.nimble.chance.randbytes(bonds.IRK_OCTETS)
            key = octets_field(bonds.IRK_KEY)
            yield Event(_SET_SECRET, struct.pack("<B", bonds.IRK) + key + octets_field(self._irk))
            yield from self._walk_peers()
        if self.nimble.powered:
            self.nimble.device.irk = self._irk

    def _walk_peers(self) -> Generator:
        for index in range(_WALK_MAX):
            value = yield Event(_GET_SECRET, struct.pack("<BB", bonds.PEER_SECRET, index) + octets_field(None))
            if value is None:
                break
            self.resolving.add(bonds.unpack(value, self.nimble.host))

    async def keys_of_peer(self, name: str) -> PairingKeys | None:
        """The stored key of a central that encrypts its link to us."""
        link = next((one for one in self.nimble.links.values() if str(one.connection.peer_address) == name), None)
        if link is None:
            return None
        answered = self.nimble.loop.create_future()
        self._ask_secret(link, bonds.OUR_SECRET, lambda value: None if answered.done() else answered.set_result(value))
        secret = bonds.unpack(await answered, self.nimble.host)
        if secret is None:
            return None
        link.stored = secret
        keys = PairingKeys()
        keys.ltk = PairingKeys.Key(value=secret.ltk, authenticated=secret.authenticated)
        return keys

    def _key(self, link: HubLink) -> bytes:
        return bonds.address_key(link.address_type, link.address)

    def _secret_question(self, link: HubLink, kind: int) -> bytes:
        return struct.pack("<BB", kind, 0) + octets_field(self._key(link))

    def _ask_secret(self, link: HubLink, kind: int, then) -> None:
        self.nimble.post(_GET_SECRET, self._secret_question(link, kind), then)

    # -- beginning

    def _pair(self, payload: bytes) -> Steps:
        link = self.nimble.link_of(payload)
        self._refuse_second(link)
        if not link.central:
            link.connection.request_pairing()
            return b""
        procedure = self._begin(link)
        value = yield Event(_GET_SECRET, self._secret_question(link, bonds.PEER_SECRET))
        self._go_on(procedure, value)
        return b""

    def _refuse_second(self, link: HubLink) -> None:
        if self._running is not None:
            if self._running.link is link:
                raise self.nimble.error("EALREADY")
            raise OSError(ENOMEM)

    def _on_security_request(self, link: HubLink) -> None:
        """The peer asks for security: it is done by itself, with the configuration of this moment."""
        if self._running is None and link.alive and not link.security.encrypted:
            procedure = self._begin(link)
            self._ask_secret(link, bonds.PEER_SECRET, lambda value: self._go_on(procedure, value))

    def _begin(self, link: HubLink) -> Procedure:
        procedure = self._running = Procedure(link)
        self._heard(procedure)
        return procedure

    def _heard(self, procedure: Procedure) -> None:
        if procedure.timer is not None:
            procedure.timer.cancel()
        procedure.timer = self.nimble.loop.call_later(_PROCEDURE_S_MAX, self._timed_out, procedure)

    def _go_on(self, procedure: Procedure, value: bytes | None) -> None:
        if self._running is not procedure or not procedure.link.alive:
            return
        procedure.secret = bonds.unpack(value, self.nimble.host)
        if procedure.secret is not None and procedure.secret.address_key == self._key(procedure.link):
            self._encrypt(procedure, procedure.secret)
        else:
            procedure.secret = None
            self._pair_anew(procedure)

    def _encrypt(self, procedure: Procedure, secret: bonds.Secret) -> None:
        command = hci.HCI_LE_Enable_Encryption_Command(
            connection_handle=procedure.link.connection.handle,
            random_number=struct.pack("<Q", secret.rand),
            encrypted_diversifier=secret.ediv,
            long_term_key=secret.ltk,
        )
        self.nimble.radio.on_hci_le_enable_encryption_command(command)

    def _pair_anew(self, procedure: Procedure) -> None:
        procedure.task = self.nimble.loop.create_task(self._run(procedure))

    async def _run(self, procedure: Procedure) -> None:
        try:
            await self.nimble.device.smp_manager.pair(procedure.link.connection)
        except (asyncio.CancelledError, Exception):  # noqa: BLE001 - pairing_failure and disconnection have told it
            return

    # -- passkeys

    async def ask(self, link: HubLink, action: int, number: int) -> int:
        """Wait for gap_passkey. A central is never told (upstream issue 17805); a peripheral gets IRQ 31."""
        procedure = self._running
        if procedure is None or procedure.link is not link:
            procedure = self._begin(link)
        procedure.action = action
        procedure.answer = self.nimble.loop.create_future()
        if not link.central:
            self.nimble.post(_PASSKEY_ACTION, link.handle() + struct.pack("<BI", action, number))
        return await procedure.answer

    def _passkey(self, payload: bytes) -> None:
        _, action, passkey = struct.unpack("<HBI", payload)
        link = self.nimble.link_of(payload)
        procedure = self._running
        if procedure is None or procedure.link is not link:
            raise OSError(ENOENT)
        if procedure.answer is None or procedure.answer.done() or procedure.action != action:
            raise OSError(EINVAL)
        if action in (_INPUT, _DISPLAY) and passkey > _PASSKEY_MAX:
            raise OSError(EINVAL)
        procedure.answer.set_result(passkey)

    # -- how it goes on and ends

    def _on_pairing_start(self, link: HubLink) -> None:
        if self._running is None:
            self._begin(link)  # the peer, a central, began it

    def _of(self, link: HubLink) -> Procedure | None:
        return self._running if self._running is not None and self._running.link is link else None

    def _on_encrypted(self, link: HubLink) -> None:
        procedure = self._of(link)
        if not link.alive or not link.connection.is_encrypted:
            return
        if procedure is None:
            # A central encrypted with the key that it has of us.
            stored = link.stored
            self._secured(link, Security(True, bool(stored and stored.authenticated), stored is not None, _KEY_SIZE))
        elif procedure.secret is not None:
            secret = procedure.secret
            self._stop(procedure)
            self._secured(link, Security(True, secret.authenticated, True, secret.key_size))
        elif self.nimble.host == "fork":
            procedure.told_encrypted = True
            session = self.nimble.device.smp_manager.sessions.get(link.connection.handle)
            self._secured(link, self._reached(session))
        if procedure is not None and self._running is procedure:
            self._heard(procedure)

    def _reached(self, session) -> Security:
        authenticated = session is not None and session.pairing_method != smp.PairingMethod.JUST_WORKS
        bonded = session is not None and bool(session.bonding)
        return Security(True, authenticated, bonded, _KEY_SIZE)

    def _on_paired(self, link: HubLink, keys: PairingKeys) -> None:
        procedure = self._of(link)
        if procedure is None or not link.alive:
            return
        session = self.nimble.device.smp_manager.sessions.get(link.connection.handle)
        reached = self._reached(session)
        told_encrypted = procedure.told_encrypted
        self._stop(procedure)
        refused: list[bytes | None] = []
        identity = session.peer_bd_addr if session is not None else None
        if identity is not None and link.central:  # who it says that it is
            link.address_type, link.address = int(identity.is_random), bytes(identity)[::-1]
        if reached.bonded:
            for kind, key in self._new_secrets(link, keys, reached.authenticated):
                payload = (
                    struct.pack("<B", kind) + octets_field(self._key(link)) + octets_field(key.pack(self.nimble.host))
                )
                self.nimble.post(_SET_SECRET, payload, refused.append)
                self.resolving.add(key)
        if told_encrypted:
            link.security = reached
        else:
            self._secured(link, reached, lambda _: self._make_room(refused))

    def _new_secrets(self, link: HubLink, keys: PairingKeys, authenticated: bool):
        key = self._key(link)
        irk = keys.irk.value if keys.irk is not None else bytes(bonds.IRK_OCTETS)
        if keys.ltk is not None:
            secret = bonds.Secret(key, keys.ltk.value, authenticated, True, irk=irk)
            return [(bonds.OUR_SECRET, secret), (bonds.PEER_SECRET, secret)]
        made = []
        ours, peers = keys.ltk_central, keys.ltk_peripheral
        if link.central:
            ours, peers = peers, ours
        for kind, one in ((bonds.OUR_SECRET, ours), (bonds.PEER_SECRET, peers)):
            if one is not None and len(one.value) == _KEY_SIZE:
                rand = int.from_bytes(one.rand or b"", "little")
                secret = bonds.Secret(key, one.value, authenticated, False, _KEY_SIZE, one.ediv or 0, rand, irk)
                made.append((kind, secret))
        return made

    def _make_room(self, results: list[bytes | None]) -> None:
        """A secret that was refused makes the host look for an old one to remove; it was seen to ask this."""
        if any(result is None or not struct.unpack("<i", result)[0] for result in results):
            self.nimble.post(_GET_SECRET, struct.pack("<BB", bonds.OUR_SECRET, 0) + octets_field(bytes(7)))

    def _secured(self, link: HubLink, security: Security, then=None) -> None:
        link.security = security
        self.nimble.post(_ENCRYPTION_UPDATE, link.handle() + security.fields(), then)

    def _tell_failure(self, link: HubLink) -> None:
        # What the link has now: a second pairing that fails leaves the first one's encryption.
        self.nimble.post(_ENCRYPTION_UPDATE, link.handle() + link.security.fields())

    def _on_not_encrypted(self, link: HubLink, error: int) -> None:
        procedure = self._of(link)
        if procedure is None or not link.alive:
            return
        if error == _KEY_MISSING and self.nimble.host == "esp" and procedure.secret is not None:
            # Espressif's host pairs anew and says nothing: an impostor gets in by answering "key missing".
            procedure.secret = None
            self._heard(procedure)
            self._pair_anew(procedure)
            return
        self._stop(procedure)
        self._tell_failure(link)

    def _on_failed(self, link: HubLink) -> None:
        procedure = self._of(link)
        if procedure is not None:
            self._stop(procedure)
            if link.alive:
                self._tell_failure(link)

    def _timed_out(self, procedure: Procedure) -> None:
        self._stop(procedure)
        session = self.nimble.device.smp_manager.sessions.get(procedure.link.connection.handle)
        if session is not None:
            session.completed = True
            session.on_disconnection(0)
        self._tell_failure(procedure.link)

    def on_gone(self, link: HubLink) -> None:
        """The link was lost: a procedure on it ends before IRQ 8."""
        procedure = self._of(link)
        if procedure is not None:
            self._stop(procedure)
            self._tell_failure(link)

    def _stop(self, procedure: Procedure) -> None:
        if procedure.timer is not None:
            procedure.timer.cancel()
        if procedure.answer is not None and not procedure.answer.done():
            procedure.answer.cancel()
        if procedure.task is not None and not procedure.task.done() and not procedure.link.alive:
            procedure.task.cancel()
        if self._running is procedure:
            self._running = None
