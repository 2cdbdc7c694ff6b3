"""One measurement as a device told it: exact, coded, with its own time and all that speaks against it."""

from firmware.measurement.codes import NOT_A_VALUE

USER_UNKNOWN = 255  # the device has users and does not know which one this was (0xFF in 2A35 and 2A9D)


class Measurement:
    """What one or more captures say; the same octets always give the same measurement.

    `kind` is a key of codes.KINDS. `quantities` are (code, mantissa, exponent, unit), or (code, reason) where
    the device measured and had no number. `status_raw` is None when the format carried no status; an
    oximeter's is its measurement status in bits 0..15 and its sensor status in bits 16..39. `device_time` is
    (year, month, day, hour, minute, second) by the device's own clock and counts only as far as
    `device_time_state` says: "ok"; "unknown" (not told, or the device says its clock was never set: then the
    digits are kept, for their order); "invalid"; "absent" (the format carried none). `user` is the device's
    slot, USER_UNKNOWN, or None when it has no slots. `flags` are from codes.FLAGS. `extra` counts the octets
    after all that the value's flags announce. `numbered`: the octets hold a number of the device's own, which
    tells this record from its next. `named_by` is the row of names.STATUSES, where it is not the kind's own.
    """

    # Most values lack most of these, so what a value does not have stands here once.
    status_raw: "int | None" = None
    device_time: "tuple | None" = None
    device_time_state = "absent"
    user: "int | None" = None
    flags: tuple = ()
    extra = 0
    numbered = False
    named_by: "str | None" = None

    def __init__(self, kind: str, quantities: tuple, extra: int = 0):
        self.kind = kind
        self.quantities = quantities
        if extra:
            self.extra = extra

    @property
    def status(self) -> tuple:
        """Name the bits of the status, in bit order. A hub sends them raw and never loads their names."""
        from firmware.measurement.names import status_names

        return status_names(self.named_by or self.kind, self.status_raw)

    def counts(self) -> bool:
        """Tell whether this can be a patient's value: no test, no demo, no failure, and some number."""
        for flag in self.flags:
            if flag in NOT_A_VALUE:
                return False
        for quantity in self.quantities:
            if len(quantity) == 4:
                return True
        return False

    def facts(self) -> tuple:
        """Return everything as one tuple, to compare two decodings."""
        return (
            self.kind,
            self.quantities,
            self.status_raw,
            self.status,
            self.device_time,
            self.device_time_state,
            self.user,
            self.flags,
            self.extra,
        )


def decimal_text(mantissa: int, exponent: int) -> str:
    """Write a number exactly, with the device's own precision: (200, -2) is "2.00", (12, 1) is "12e1"."""
    if exponent >= 0:
        return "%d" % mantissa if exponent == 0 or mantissa == 0 else "%de%d" % (mantissa, exponent)
    digits = "%d" % abs(mantissa)
    digits = "0" * (1 - exponent - len(digits)) + digits
    return ("-" if mantissa < 0 else "") + digits[:exponent] + "." + digits[exponent:]
