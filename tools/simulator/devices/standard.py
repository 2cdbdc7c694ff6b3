"""A device of one health service, as its specification has it, told by class attributes."""

from bumble import att

from tools.simulator.devices import clock, database, encode
from tools.simulator.devices.base import MedicalDevice, written_octets
from tools.simulator.devices.sender import StoreAndForward

DATE_TIME, CURRENT_TIME = 0x2A08, 0x2A2B
_OCTETS = {DATE_TIME: 7, CURRENT_TIME: 10}


class OwnClock(MedicalDevice):
    """A device's clock as a characteristic that is read and written."""

    def clock_characteristic(self, uuid: int):
        """2A08, which lies in the health service, or 2A2B, which has a service of its own."""
        write_as = encode.date_time if uuid == DATE_TIME else encode.current_time

        def write(_connection, octets: bytes) -> None:
            time = clock.parse(written_octets(octets, _OCTETS[uuid]))
            if time is None:
                raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)
            self.note("clock", time.isoformat())
            self.clock.set(time)

        return database.characteristic(
            uuid,
            database.READ | database.WRITE,
            (lambda _: write_as(self.clock.now()), write),
            encrypted=self.BONDS,
        )


class Standard(OwnClock, StoreAndForward):
    """`encode` of a profile's file, and what a model says here, make a device."""

    NAME = ""  # {model}, {serial} and {tail} (of the address) are filled in
    MANUFACTURER = "Virtual devices"
    FIRMWARE = "1.0"
    UDI = b""  # as UDI for Medical Devices (2BFF) gives it; most have none
    BATTERY_PERCENT = 100
    HEALTH_SERVICE: int | str | None = None  # where it is not the advertised one
    MEASUREMENT: int | str = 0
    SENDS = database.INDICATE
    FEATURE: tuple[int, bytes] | None = None
    CLOCK: int | None = DATE_TIME

    def name(self) -> str:
        """As NAME says."""
        tail = self.address.replace(":", "")[6:].upper()
        return (self.NAME or "{model}").format(model=self.MODEL, serial=self.serial, tail=tail)

    def services(self) -> list:
        """The health service, what a family adds, device information, battery."""
        self.measurement = self.carrying(self.MEASUREMENT, self.SENDS)
        health = [self.measurement]
        if self.FEATURE is not None:
            health.append(database.characteristic(self.FEATURE[0], database.READ, self.FEATURE[1], self.BONDS))
        if self.CLOCK == DATE_TIME:
            health.append(self.clock_characteristic(DATE_TIME))
        health += self.more_characteristics()
        services = [database.service(self.HEALTH_SERVICE or self.SERVICE, *health), *self.more_services()]
        if self.CLOCK == CURRENT_TIME:
            services.append(database.service(0x1805, self.clock_characteristic(CURRENT_TIME)))
        return [
            *services,
            database.device_information(self.MANUFACTURER, f"{self.MODEL} ", self.serial, self.FIRMWARE, self.UDI),
            database.battery(self.BATTERY_PERCENT),
        ]

    def more_characteristics(self) -> list:
        """Further ones of the health service."""
        return []

    def more_services(self) -> list:
        """A family's own."""
        return []

    def carrying(self, uuid: int | str, properties):
        """A characteristic that sends; only over an encrypted link where the device bonds."""
        one = database.characteristic(uuid, properties)
        if self.BONDS:
            database.guard_subscription(self._server, one)
        return one
