"""A Nonin-3230-like oximeter: standard spot checks by RACP, and a continuous service of its own. It bonds."""

import asyncio

from bumble import att

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.oximeter import Oximeter
from tools.simulator.devices.readings import Quantity, Reading

_SERVICE = "46A970E0-0D5F-11E2-8B5E-0002A5D5C51B"
_OXIMETRY = "0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B"
_CONTROL = "1447AF80-0D60-11E2-88B6-0002A5D5C51B"

_SECURITY_MODE = b"\x64NMI"  # then the mode: 1 lets a new bond be made without a battery change
_DELETE_BONDS = b"\x63NMI\x00"
_MODE_TAKEN, _BONDS_DELETED = b"\xe4\x00", b"\xe3\x00"

_WEAK_SIGNAL, _SMART_POINT, _FINGER, _LOW_BATTERY, _ENCRYPTED = 0x02, 0x04, 0x10, 0x20, 0x40
_BATTERY_TENTHS_V = 27
_AMPLITUDE_HUNDREDTHS = 412
_NO_SPO2, _NO_PULSE = 127, 511

_FINGER_S = 8  # the finger stays in for so long after the result stood
_NEW_BOND_S = 120.0  # after the battery was put in


class Nonin3230(Oximeter):
    """Advertises while it is in use and a while after; its result is the spot check that SmartPoint chose."""

    MODEL = "Model 3230"
    MANUFACTURER = "Nonin Medical, Inc."
    FIRMWARE = "0137"
    WINDOW_S = 40.0
    PAIRING_WINDOW_S = _NEW_BOND_S
    BONDS = True

    def __init__(self, world, address: str, **options):
        self._finger_until = 0.0
        self._counter = 0
        self._shown: Reading | None = None
        super().__init__(world, address, stores=True, **options)

    def name(self) -> str:
        """Nonin3230_<serial>."""
        return "Nonin3230_" + self.serial

    def services(self) -> list:
        """The standard ones and Nonin's own."""
        standard = super().services()
        self.oximetry = database.characteristic(_OXIMETRY, database.NOTIFY)
        database.guard_subscription(self._server, self.oximetry)
        self.control = database.characteristic(
            _CONTROL, database.WRITE | database.NOTIFY, (lambda _: b"", self._on_control), encrypted=True
        )
        return [*standard, database.service(_SERVICE, self.oximetry, self.control)]

    def pairing_mode(self) -> None:
        """This model has no button: a new bond is taken for two minutes after its battery was put in."""
        self.delete_bonds()
        super().pairing_mode()

    def press(self, reading: Reading, user: int | None = None) -> dict:
        """Put a finger in until the result stands."""
        self._shown = reading
        self._finger_until = self.world.loop.time() + _FINGER_S
        return super().press(reading, user)

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Nonin's own stream begins when it is asked for."""
        if characteristic is self.oximetry and notify:
            self._run(self._stream(link))

    async def _stream(self, link: CollectorLink) -> None:
        while not link.gone:
            link.notify(self.oximetry, self._stream_value())
            self._heard_at = self.world.loop.time()
            self._counter = self._counter + 1 & 0xFFFF
            if self._finger_until <= self.world.loop.time():
                return
            await asyncio.sleep(1.0)

    def _stream_value(self) -> bytes:
        status, amplitude, spo2, pulse = _ENCRYPTED, 0, _NO_SPO2, _NO_PULSE
        if self._shown is not None and self.world.loop.time() < self._finger_until:
            status |= _SMART_POINT | _FINGER
            amplitude = _AMPLITUDE_HUNDREDTHS
            spo2 = _whole(self._shown.quantity(readings.SPO2), _NO_SPO2)
            pulse = _whole(self._shown.quantity(readings.PULSE_OXIMETER), _NO_PULSE)
        return encode.nonin_stream(
            status=status,
            battery_tenths_v=_BATTERY_TENTHS_V,
            amplitude_hundredths=amplitude,
            counter=self._counter,
            spo2=spo2,
            pulse=pulse,
        )

    def _on_control(self, _connection, octets: bytes) -> None:
        self.note("control", octets.hex())
        assert self.link is not None  # it has just written
        if octets[: len(_SECURITY_MODE)] == _SECURITY_MODE and len(octets) == len(_SECURITY_MODE) + 1:
            self.link.notify(self.control, _MODE_TAKEN)
        elif octets == _DELETE_BONDS:
            self.delete_bonds()
            self.link.notify(self.control, _BONDS_DELETED)
        else:
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)


def _whole(quantity: Quantity, otherwise: int) -> int:
    """A quantity as the whole number that the stream carries."""
    if quantity.value is None:
        return otherwise
    mantissa, exponent = quantity.numeral()
    return mantissa * 10**exponent if exponent >= 0 else mantissa // 10**-exponent
