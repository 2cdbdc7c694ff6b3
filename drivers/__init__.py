"""What telehub knows about medical devices: rows of data, and pure functions from octets to measurements.

A **row** is one model (or all standard devices of a kind) as data: how to recognise it, whether it bonds and
when, where its clock is and whether to write it, what to subscribe to and in which order, what its memory
does. A **driver** is one file per kind of device: its rows, and a decoder per characteristic. A new model of
a known family is one more row in its driver's file and one more line in ROWS below; nothing else.

A driver's file is imported when a row of it is first asked for, so that an idle hub carries only names.

`decode(row name, uuid, octets)` gives a list of measurements. It is empty for characteristics that carry none
(features, control points, clocks, a pressure on the way up). It raises PeerError for octets that their format
forbids and for characteristics that nobody here understands: those octets travel as they are, with a reason.

Some measurements come in several values: split packets, segments, a meal that belongs to a glucose. `join(row
name, values)` reads them together, where they are all there; both the hub and the platform ask it.
"""

from collections import namedtuple

from firmware.contracts import PeerError

# row name -> the driver's file. Names are kept in configurations, journals and envelopes: never rename one.
ROWS = {
    "blood_pressure": "blood_pressure",
    "ad_ua651ble": "blood_pressure",
    "weight_scale": "weight_scale",
    "weight_scale_live": "weight_live",
    "ad_uc352ble": "weight_scale",
    "pulse_oximeter": "pulse_oximeter",
    "pulse_oximeter_unbonded": "pulse_oximeter",
    "pulse_oximeter_continuous": "pulse_oximeter",
    "nonin_3230": "nonin",
    "nonin_3230_continuous": "nonin",
    "ad_ua656ble": "blood_pressure",
    "ad_ua1200ble": "blood_pressure",
    "omron_blood_pressure": "cuffs",
    "beurer_bm57": "cuffs",
    "beurer_bm85": "beurer_bm85",
    "medisana_bu5": "cuffs",
    "sanitas_sbm": "cuffs",
    "blood_pressure_enhanced": "blood_pressure_enhanced",
    "ad_uc421ble": "weight_scale",
    "body_composition": "body_composition",
    "beurer_bf720": "beurer_scale",
    "beurer_bf105": "beurer_scale",
    "beurer_bf500": "beurer_scale",
    "beurer_bf788": "beurer_scale",
    "beurer_bf950": "beurer_scale",
    "thermometer": "thermometer",
    "ad_ut201ble": "thermometer",
    "taidoc_thermometer": "thermometer",
    "heart_rate_strap": "heart_rate",
    "glucose_meter": "glucose",
    "contour_next": "glucose",
    "accu_chek_guide": "glucose",
    "cgm": "cgm",
    "health_sensor": "health_sensor",
    "spirometer": "health_sensor",
    "berrymed_bm1000": "oximeters",
    "jumper_oximeter": "oximeters",
    "beurer_po60": "oximeters",
}

# decoders: uuid -> function(octets) -> list of measurements. rows: every row that this file serves. joints:
# uuid -> how values of this characteristic and others belong together; most kinds have none.
Driver = namedtuple("Driver", ("decoders", "rows", "joints"))

# Values of one visit that are one measurement together (drivers/joining.py). takes(parts, uuid, octets) tells
# whether a value begins a measurement (parts is empty) or goes on with it; decode(parts) reads it whole;
# body(parts) gives what stays the same when the device sends it again. A part is (uuid, octets). open_ended: the end
# of the visit makes parts whole, too.
Joint = namedtuple("Joint", ("takes", "decode", "body", "open_ended"))

# How many of a stream's notifications become captures: at most one each `every_ms`, at most `take_max` a
# visit. What the policy passes over was never kept; a stream has no memory and repeats itself every second.
STREAM_REST_MS = 900_000  # between two visits to what advertises as long as it is worn: 576 captures a day at most
Sampling = namedtuple("Sampling", ("uuid", "every_ms", "take_max"))

# A uuid is an int (16 bit) or 16 octets, least significant first, as it travels.
Row = namedtuple(
    "Row",
    (
        "name",  # key in ROWS
        "driver",  # the file in this folder
        "title",  # what people call it
        # Recognising: a hint for pairing and for pages. The listed address alone decides who is visited.
        "name_prefixes",
        "company",
        # None; "limited": a limited-discoverable advert asks for pairing and has no data; or where `company`'s own
        # part of an advert says so: (its known formats, the place of the octet, the bit)
        "pairing_mode",
        # The link
        # False: this device cannot bond, and its readings say so; "digits": it bonds by six digits, which it shows or
        # which stand on its label, and not without
        "bonds",
        "bond_first",  # bond or encrypt before any discovery: some switch off otherwise
        "services",  # to discover before the data
        # The clock: None, or the uuid in one of `services`; 2A08 and 2A2B differ in length alone
        "clock",
        # False: writing breaks this device; or what to write: f(local time, minutes from UTC, octets read)
        "clock_write",
        "needs_clock",  # without a clock it gives no reading: told while the hub's own is not confirmed
        # The data
        "subscribe",  # (uuid, "indicate" | "notify") in this order; what a device lacks is passed over
        "consent",  # the device gives nothing of a user before his consent code (2A9F); codes come by order
        "racp",  # what to write to 2A52 after everything is subscribed; never a delete
        # Records have numbers, and only those after the last one kept are asked for (drivers/procedures.py):
        # (uuid, place and octets of the number, bits of the first octet that a value with one has)
        "numbered",
        "starts",  # (uuid, octets) to write then, in this order: what makes the device send; never a delete
        "sampling",  # of the streams among `subscribe`
        "features",  # uuid to read with the description
        "mtu",  # exchange it before discovery: values may pass 20 octets
        # What the memory does: "none" (sent live once), "until_confirmed" (deleted when confirmed), "all"
        "memory",
        "burst",  # most values in one visit
        "value_octets_max",
        # Patience
        "idle_ms",  # without a value: the device has no more
        "cap_ms",  # one device holds the radio no longer than this while it sends
        "rest_ms",  # not visited again so soon after a visit that ended well
    ),
)
_DEFAULTS = {
    "name_prefixes": (),
    "company": None,
    "pairing_mode": None,
    "bonds": True,
    "bond_first": False,
    "services": (),
    "clock": None,
    "clock_write": True,
    "needs_clock": False,
    "subscribe": (),
    "consent": False,
    "racp": None,
    "numbered": None,
    "starts": (),
    "sampling": (),
    "features": None,
    "mtu": False,
    "memory": "none",
    "burst": 1,
    "value_octets_max": 20,
    "idle_ms": 5000,  # what the health services have their sensors wait for
    "cap_ms": 60000,
    "rest_ms": 3000,
}


def make(name: str, title: str, base: "Row | None" = None, **changes) -> Row:
    """Make a row: what is not given is as in `base`, else as in the table above."""
    fields: dict = {"name": name, "title": title, "driver": ROWS.get(name)}
    for field, default in _DEFAULTS.items():
        fields[field] = default if base is None else getattr(base, field)
    for field, value in changes.items():
        if field not in _DEFAULTS:
            raise ValueError(field)  # a slip in a table
        fields[field] = value
    return Row(**fields)


def load(driver: str) -> Driver:
    """Import a driver's file."""
    return __import__("drivers." + driver, None, None, ("DRIVER",)).DRIVER


def row(name: str) -> Row:
    """Return the row with this name; KeyError when there is none."""
    for one in load(ROWS[name]).rows:
        if one.name == name:
            return one
    raise KeyError(name)


def uuid_octets(uuid: "int | bytes") -> bytes:
    """Return a uuid as it travels: 2 or 16 octets, least significant first."""
    return bytes((uuid & 0xFF, uuid >> 8)) if isinstance(uuid, int) else bytes(uuid)


def uuid_number(uuid: "int | bytes") -> "int | bytes":
    """Return a uuid as rows and decoders name it: a 16-bit one is an int."""
    return uuid[0] | uuid[1] << 8 if not isinstance(uuid, int) and len(uuid) == 2 else uuid


def decode(row_name: str, uuid: "int | bytes", octets) -> list:
    """Return the measurements in one value of a characteristic; PeerError(reason, ...) refuses it."""
    decoder = load(ROWS[row_name]).decoders.get(uuid_number(uuid))
    if decoder is None:
        raise PeerError("unsupported", uuid)
    return sure(decoder(octets))


def sure(measurements: list) -> list:
    """Refuse what could only be guessed at: flags that nobody knows, and a length that the others do not explain."""
    for measurement in measurements:
        if measurement.extra and "reserved_bits" in measurement.flags:
            raise PeerError("reserved", measurement.extra)
    return measurements


def join(row_name: str, values) -> "tuple | None":
    """Read what the first of a visit's values begins: (their places among the values, its measurements), or None.

    `values` gives (uuid, octets) in the order of taking and is asked for no more than are needed. None: the first
    stands alone, or the rest of it did not come; then it is read by `decode`. PeerError refuses it whole.
    """
    joints = load(ROWS[row_name]).joints
    if not joints:
        return None
    from drivers.joining import gather

    return gather(joints, values)


def body(row_name: str, parts) -> bytes:
    """Return the octets of a measurement's values that stay the same when the device sends it again."""
    joint = load(ROWS[row_name]).joints.get(uuid_number(parts[0][0]))
    return b"".join([bytes(octets) for _, octets in parts]) if joint is None else joint.body(parts)
