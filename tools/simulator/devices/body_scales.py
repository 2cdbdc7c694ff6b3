"""Body composition scales by the standard (service 181B), and Beurer's, which give a user's values by consent only."""

import struct

from bumble import att
from bumble.gatt import Characteristic

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink, LinkGone
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.scales import weight_octets
from tools.simulator.devices.standard import CURRENT_TIME, Standard

_FAT, _METABOLISM, _MUSCLE, _WATER, _IMPEDANCE = 188748, 188768, 188772, 188764, 188780
_KILOJOULE, _OHM = 266115, 266432
_HAS_TIME, _HAS_USER, _HAS_METABOLISM, _HAS_MUSCLE = 0x0002, 0x0004, 0x0008, 0x0010
_HAS_WATER, _HAS_IMPEDANCE, _MULTIPLE = 0x0100, 0x0200, 0x1000

_CONSENT, _RESPONSE = 0x02, 0x20
_SUCCESS, _OPCODE_UNSUPPORTED, _PARAMETER, _FAILED, _NOT_AUTHORISED = range(1, 6)
_STUB_WEIGHT = b"\x00\x00\x00"


def composition(fat: str, metabolism: str, muscle: str, water: str, impedance: str) -> Reading:
    """What the second display after a weight shows."""
    return readings.made(
        "body_composition",
        (_FAT, fat, readings.PERCENT),
        (_METABOLISM, metabolism, _KILOJOULE),
        (_MUSCLE, muscle, readings.PERCENT),
        (_WATER, water, readings.KG),
        (_IMPEDANCE, impedance, _OHM),
    )


def _fields(reading: Reading) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Fat, and (flag, octets) of the rest, in 0.1 %, kJ, 0.1 %, 0.005 kg, 0.1 ohm."""
    fat, metabolism, muscle, water, impedance = (one.numeral()[0] for one in reading.quantities)
    rest = (
        (_HAS_METABOLISM, metabolism),
        (_HAS_MUSCLE, muscle),
        (_HAS_WATER, water // 5),
        (_HAS_IMPEDANCE, impedance),
    )
    return struct.pack("<H", fat), [(flag, struct.pack("<H", count)) for flag, count in rest]


class BodyScale(Standard):
    """Weight by 2A9D, then composition by 2A9C, which `splits` into two values."""

    MODEL = "Body composition scale"
    SERVICE, HEALTH_SERVICE, MEASUREMENT = 0x181B, 0x181D, 0x2A9D
    CLOCK: int | None = CURRENT_TIME
    SPLITS = True

    def more_services(self) -> list:
        """Body composition."""
        self.composition = self.carrying(0x2A9C, database.INDICATE)
        return [database.service(0x181B, self.composition, database.characteristic(0x2A9B, database.READ, bytes(4)))]

    def step_on(self, *shown: Reading, user: int | None = None) -> None:
        """One person: all that the display then shows."""
        for reading in shown:
            self.press(reading, user)

    def carrier(self, held: Held) -> Characteristic:
        """One characteristic for each kind."""
        return self.measurement if held.reading.kind == "body_weight" else self.composition

    def packets(self, held: Held) -> list[bytes]:
        """Weight in one value; composition in one or two."""
        if held.reading.kind == "body_weight":
            return [weight_octets(held)]
        fat, fields = _fields(held.reading)
        who = b"" if held.user is None else bytes((held.user,))
        head = encode.date_time(held.time) + who
        flags = _HAS_TIME | (_HAS_USER if who else 0)
        if not self.SPLITS:
            return [_value(flags, fields, fat + head)]
        return [_value(flags | _MULTIPLE, fields[:2], fat + head), _value(_MULTIPLE, fields[2:], fat)]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Begin when both are wanted."""
        if characteristic is self.composition:
            super().on_subscribed(link, self.measurement, notify, indicate)


def _value(flags: int, fields, front: bytes) -> bytes:
    for flag, _ in fields:
        flags |= flag
    return struct.pack("<H", flags) + front + b"".join(octets for _, octets in fields)


class BeurerBf720(BodyScale):
    """Beurer BF720: users with a number code each. Who has not given his gets stubs, and batteries forget all users."""

    MODEL, NAME = "BF720", "BF720"
    MANUFACTURER = "Beurer"
    COMPANY = 0x0611
    BOND_FIRST = True
    SPLITS = False

    def __init__(self, world, address: str, *, users=((1, 1234),), **options):
        self.users = dict(users)
        super().__init__(world, address, **options)
        self._agreed: int | None = None

    def event(self) -> bytes:
        """Nothing that is known."""
        return b"\0"

    def more_services(self) -> list:
        """Body composition and user data."""
        both = database.WRITE | database.INDICATE
        self.control = database.characteristic(0x2A9F, both, (lambda _: b"", self._on_control), encrypted=True)
        database.guard_subscription(self._server, self.control)
        return [database.service(0x181C, self.control), *super().more_services()]

    def remove_battery(self) -> None:
        """Users are gone with their codes; who steps on then is nobody known."""
        self.users.clear()
        super().remove_battery()

    def to_send(self) -> list[Held]:
        """What belongs to the user who agreed."""
        return [held for held in self.memory if self._agreed is not None and held.user == self._agreed]

    def _on_connection(self, connection) -> None:
        self._agreed = None
        super()._on_connection(connection)

    def _on_control(self, _connection, octets: bytes) -> None:
        link = self.link
        assert link is not None
        self.note("consent", octets.hex())
        if len(octets) != 4 or octets[0] != _CONSENT:
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)
        user, code = octets[1], octets[2] | octets[3] << 8
        agreed = self.users.get(user) == code
        said = bytes((_RESPONSE, _CONSENT, _SUCCESS if agreed else _NOT_AUTHORISED))
        self._run(self._answer_control(link, said, user if agreed else None))

    async def _answer_control(self, link: CollectorLink, said: bytes, user: int | None) -> None:
        try:
            await link.indicate(self.control, said)
        except LinkGone:
            return
        if user is not None:
            self._agreed = user
            if self._server.subscribers.get(link.connection, {}).get(self.composition.handle, b"\0")[0] & 2:
                self._begin(link, 0.1)

    async def _send_all(self, link: CollectorLink, delay_s: float) -> None:
        if self._agreed is None:
            self.note("stub")
            await link.indicate(self.measurement, _STUB_WEIGHT)
        await super()._send_all(link, delay_s)


class BeurerBf105(BeurerBf720):
    """Beurer BF105, of the same family."""

    MODEL = NAME = "BF105"


class BeurerBf500(BeurerBf720):
    """Beurer BF500, taken to be like the others."""

    MODEL = NAME = "BF500"


class BeurerBf788(BeurerBf720):
    """Beurer BF788, taken to be like the others."""

    MODEL = NAME = "BF788"


class BeurerBf950(BeurerBf720):
    """Beurer BF950, taken to be like the others."""

    MODEL = NAME = "BF950"
