"""What A&D's Bluetooth devices share: bond first, clock in the health service, a service for commands."""

from datetime import datetime

from bumble import att

from tools.simulator.devices import database
from tools.simulator.devices.radio import LIMITED_DISCOVERABLE
from tools.simulator.devices.standard import Standard

_COMMAND_SERVICE = "233BF000-5A34-1B6D-975C-000D5690ABE4"
_COMMAND = "233BF001-5A34-1B6D-975C-000D5690ABE4"


class AndDevice(Standard):
    """A&D: Just Works, only in pairing mode; nothing works before the link is encrypted."""

    NAME = "A&D_{model}_{tail}"
    MANUFACTURER = "A&D Medical "
    BATTERY_PERCENT = 66  # the family says 100, 66, 40 or 33
    BOND_FIRST = True
    PAIRING_FLAGS = LIMITED_DISCOVERABLE
    CLOCK_COUNTS_FROM = datetime(2010, 1, 1)  # an unset clock counts, and its dates look like dates

    def more_services(self) -> list:
        """The service for commands."""
        both = database.READ | database.WRITE
        command = database.characteristic(_COMMAND, both, (lambda _: b"", self._command), encrypted=True)
        return [database.service(_COMMAND_SERVICE, command)]

    def _command(self, _connection, octets: bytes) -> None:
        self.note("command", octets.hex())
        raise att.ATT_Error(att.ErrorCode.UNLIKELY_ERROR)  # some of them delete: a hub has no business here
