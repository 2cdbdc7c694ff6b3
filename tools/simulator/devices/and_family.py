"""What A&D's Bluetooth devices share: bond first, clock in the health service, a service for commands."""

from datetime import datetime

from bumble import att

from tools.simulator.devices import clock, database, encode
from tools.simulator.devices.base import written_octets
from tools.simulator.devices.radio import LIMITED_DISCOVERABLE
from tools.simulator.devices.sender import StoreAndForward

_COMMAND_SERVICE = "233BF000-5A34-1B6D-975C-000D5690ABE4"
_COMMAND = "233BF001-5A34-1B6D-975C-000D5690ABE4"
_DATE_TIME_OCTETS = 7
_BATTERY_PERCENT = 66  # the family says 100, 66, 40 or 33


class AndDevice(StoreAndForward):
    """A&D: Just Works, only in pairing mode; nothing works before the link is encrypted."""

    BOND_FIRST = True
    PAIRING_FLAGS = LIMITED_DISCOVERABLE
    FIRMWARE = ""
    MEASUREMENT = 0
    FEATURE = 0
    CLOCK_COUNTS_FROM = datetime(2010, 1, 1)  # an unset clock counts, and its dates look like dates

    def name(self) -> str:
        """A&D_<model>_<end of the address>."""
        return f"A&D_{self.MODEL}_{self.address.replace(':', '')[6:].upper()}"

    def feature_value(self) -> bytes:
        """The health service's feature characteristic."""
        raise NotImplementedError

    def services(self) -> list:
        """The health service with the clock in it, the command service, device information, battery."""
        self.measurement = database.characteristic(self.MEASUREMENT, database.INDICATE)
        both = database.READ | database.WRITE
        time = (self._read_clock, self._write_clock)
        database.guard_subscription(self._server, self.measurement)
        return [
            database.service(
                self.SERVICE,
                self.measurement,
                database.characteristic(self.FEATURE, database.READ, self.feature_value(), encrypted=True),
                database.characteristic(0x2A08, both, time, encrypted=True),
            ),
            database.service(
                _COMMAND_SERVICE,
                database.characteristic(_COMMAND, both, (lambda _: b"", self._command), encrypted=True),
            ),
            database.device_information("A&D Medical ", f"{self.MODEL} ", self.serial, self.FIRMWARE),
            database.battery(_BATTERY_PERCENT),
        ]

    def _read_clock(self, _connection) -> bytes:
        return encode.date_time(self.clock.now())

    def _write_clock(self, _connection, octets: bytes) -> None:
        time = clock.parse(written_octets(octets, _DATE_TIME_OCTETS))
        if time is None:
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)
        self.note("clock", time.isoformat())
        self.clock.set(time)

    def _command(self, _connection, octets: bytes) -> None:
        self.note("command", octets.hex())
        raise att.ATT_Error(att.ErrorCode.UNLIKELY_ERROR)  # some of them delete: a hub has no business here
