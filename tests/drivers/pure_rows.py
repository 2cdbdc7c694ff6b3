import drivers
from drivers import blood_pressure


def rows():
    return [drivers.row(name) for name in drivers.ROWS]


def test_each_name_leads_to_its_row():
    for name in drivers.ROWS:
        row = drivers.row(name)
        assert row.name == name and row.driver == drivers.ROWS[name] and row.title
    for name in drivers.ROWS:
        for row in drivers.load(drivers.ROWS[name]).rows:
            assert row.name in drivers.ROWS


def test_rows_are_whole():
    for row in rows():
        decoders = drivers.load(row.driver).decoders
        assert row.services and row.subscribe
        assert row.memory in ("none", "until_confirmed", "all")
        if isinstance(row.pairing_mode, tuple):
            formats, at, bit = row.pairing_mode
            assert formats and at >= 0 and 0 < bit < 256 and row.company is not None
        else:
            assert row.pairing_mode in (None, "limited")
        assert 0 < row.idle_ms < row.cap_ms and row.rest_ms >= 0
        assert 0 < row.value_octets_max <= 244 and row.burst > 0
        assert row.bonds or not row.bond_first
        assert row.racp in (None, b"\x01\x01")  # report, never delete
        assert row.value_octets_max <= 20 or row.mtu
        for uuid, octets in row.starts:
            assert uuid in decoders and octets and uuid != 0x2A52  # records are asked for by `racp`
        for uuid, how in row.subscribe:
            assert uuid in decoders and how in ("indicate", "notify")
        for sampling in row.sampling:
            assert (sampling.uuid, "notify") in row.subscribe
            assert sampling.every_ms > 0 and 0 < sampling.take_max <= row.burst
        for uuid in (row.clock, row.features):
            assert uuid is None or uuid in decoders
        if row.racp is not None:
            assert row.subscribe.index((0x2A52, "indicate")) >= 0


def test_a_slip_in_a_row_is_told():
    try:
        drivers.make("ad_ua651ble", "A&D", None, indicates=())
    except ValueError:
        return
    raise AssertionError


def test_an_unknown_row_is_told():
    try:
        drivers.row("sphygmograph")
    except KeyError:
        return
    raise AssertionError


def test_a_new_model_of_a_known_family_is_one_row():
    standard = drivers.row("ad_ua651ble")
    known = blood_pressure.DRIVER
    try:
        drivers.ROWS["ad_ua999ble"] = "blood_pressure"
        new = drivers.make("ad_ua999ble", "A&D UA-999BLE", standard, name_prefixes=("A&D_UA-999BLE",))
        blood_pressure.DRIVER = drivers.Driver(known.decoders, known.rows + (new,), known.joints)
        assert drivers.row("ad_ua999ble").bond_first
        assert len(drivers.decode("ad_ua999ble", 0x2A35, b"\x00\x78\x00\x50\x00\x5d\x00")) == 1
    finally:
        blood_pressure.DRIVER = known
        del drivers.ROWS["ad_ua999ble"]


def test_uuids_travel_least_significant_first():
    assert drivers.uuid_octets(0x2A35) == b"\x35\x2a"
    assert drivers.uuid_octets(b"0123456789abcdef") == b"0123456789abcdef"
