"""Points 1-6 of what the real NimBLE host was measured to do: pairing, bonds, and how they fail."""

import asyncio

import pytest

SECURE = "ble.config(bond=True, le_secure=True, mitm=False, io=3)\n"
# The firmware keeps bonds in its own table, by (type, key).
STORE = """
kept = {}
def get_secret(data):
    kind, index, key = data
    if key is None:
        found = [kept[one] for one in sorted(kept) if one[0] == kind]
        return found[index] if index < len(found) else None
    return kept.get((kind, bytes(key)))
def set_secret(data):
    kind, key, value = data
    if value is None:
        kept.pop((kind, bytes(key)), None)
    else:
        kept[kind, bytes(key)] = bytes(value)
    return True
hooks[29] = get_secret
hooks[30] = set_secret
ble.active(True)
"""
PAIR = """
link = connect()
mark = len(log)
ble.gap_pair(link)
until(28, 40000, mark)
time.sleep_ms(200)
"""
_KEY = "01" + "010000c0c0c0"  # address type, address little-endian


def test_point_01_a_central_is_not_told_of_passkeys_and_may_give_them(bench):
    """Upstream issue 17805: IRQ 31 never comes; gap_passkey works in the right state alone."""
    made = bench()
    made.peer.passkey = 123456
    told = made.run(
        STORE
        + "ble.config(bond=True, le_secure=True, mitm=True, io=2)\n"
        + """
link = connect()
told["none"] = error(ble.gap_passkey, link, 2, 123456)
ble.gap_pair(link)
told["early"] = error(ble.gap_passkey, link, 2, 123456)
for _ in range(200):
    if not error(ble.gap_passkey, link, 2, 123456):
        break
    time.sleep_ms(20)
until(28, 40000)
"""
    )
    assert (told["none"], told["early"]) == (2, 22)
    assert made.events(told, 31) == []
    assert made.events(told, 28) == [[28, 0, 1, 1, 1, 16]]


def test_point_01_a_wrong_passkey_ends_pairing_and_leaves_the_link(bench):
    """IRQ 28 with zeros; the link stays and gap_pair is allowed again."""
    made = bench()
    made.peer.passkey = 123456
    told = made.run(
        STORE
        + "ble.config(bond=True, le_secure=True, mitm=True, io=2)\n"
        + """
link = connect()
ble.gap_pair(link)
while error(ble.gap_passkey, link, 2, 111111):
    time.sleep_ms(20)
until(28, 40000)
told["again"] = error(ble.gap_pair, link)
"""
    )
    assert made.events(told, 28)[0] == [28, 0, 0, 0, 0, 0]
    assert made.events(told, 8) == [] and told["again"] == 0


def test_point_02_pairing_that_nobody_answers_ends_after_30_s(bench):
    """IRQ 28 (c, 0, 0, 0, 0); the link stays."""
    made = bench()
    made.peer.mute_pairing = True
    told = made.run(STORE + SECURE + "link = connect()\nmark = time.ticks_ms()\nble.gap_pair(link)\nuntil(28, 40000)\n"
                    "told['took'] = time.ticks_diff(time.ticks_ms(), mark)\n")  # fmt: skip
    assert made.events(told, 28, 8) == [[28, 0, 0, 0, 0, 0]]
    assert 29_900 <= told["took"] <= 30_200


LOSE = STORE + SECURE + PAIR + "ble.gap_disconnect(link)\nuntil(8)\nlog.clear()\n"


def _lose_bond_after_first(made):
    async def meanwhile():
        await made.connected()
        while not made.peer.gone:
            await asyncio.sleep(0.01)
        made.peer.device.keystore.clear()

    return meanwhile


def test_point_03_espressifs_host_pairs_anew_in_silence_when_the_peer_lost_its_bond(bench):
    """No event for the failure: new secrets for a stored key, then "encrypted, bonded"."""
    made = bench()
    told = made.run(LOSE + PAIR, _lose_bond_after_first(made))
    assert [one[:3] for one in made.events(told, 29, 30, 28)] == [
        [29, 2, 0],
        [30, 1, _KEY],
        [30, 2, _KEY],
        [28, 0, 1],
    ]
    assert made.events(told, 28) == [[28, 0, 1, 0, 1, 16]]


def test_point_03_the_fork_tells_that_the_peer_lost_its_bond(bench):
    """IRQ 28 with zeros; link and secret stay."""
    made = bench(host="fork")
    told = made.run(LOSE + PAIR, _lose_bond_after_first(made))
    assert made.events(told, 28, 30, 8) == [[28, 0, 0, 0, 0, 0]]


def test_point_04_the_boot_asks_for_every_peer_then_for_the_irk(bench):
    """A missing IRK is made and stored, then the peers are asked again; active(True) asks anew."""
    made = bench()
    told = made.run(STORE + "first = len(log)\nble.active(False)\nble.active(True)\ntold['first'] = first\n")
    said = [[event, *fields[:2], *fields[2:3]] for _, event, fields in told["log"]]
    irk = b"irk".hex()
    assert [one[:3] for one in said[: told["first"]]] == [[29, 2, 0], [29, 10, 0], [30, 10, irk], [29, 2, 0]]
    assert said[0][3] is None and said[1][3] == irk and len(said[2][3]) == 32
    assert [one[:3] for one in said[told["first"] :]] == [[29, 2, 0], [29, 10, 0]]


@pytest.mark.parametrize(("host", "octets"), [("esp", 88), ("fork", 80)])
def test_point_04_secrets_are_opaque_keyed_by_address_and_asked_for_before_pairing(bench, host, octets):
    """Ours and the peer's are stored; gap_pair reads the peer's; the second visit encrypts with it."""
    made = bench(host=host)
    told = made.run(LOSE + PAIR + "told['sizes'] = [len(kept[one]) for one in sorted(kept)]\n")
    assert told["sizes"] == [octets, octets, 16]
    assert made.events(told, 29)[0] == [29, 2, 0, _KEY]
    assert made.events(told, 28, 30) == [[28, 0, 1, 0, 1, 16]]


def test_point_04_a_secret_of_another_length_is_absent(bench):
    """As after a firmware update that changed the C struct."""
    made = bench()
    cut = "for one in kept:\n    kept[one] = kept[one][:-4]\n"
    told = made.run(LOSE + cut + PAIR)
    assert [one[:2] for one in made.events(told, 28, 30)] == [[30, 1], [30, 2], [28, 0]]


@pytest.mark.parametrize(("host", "order"), [("esp", [30, 30, 28]), ("fork", [28, 30, 30])])
def test_order_of_secrets_and_encryption(bench, host, order):
    """D1: Espressif's host stores first, the fork tells first."""
    made = bench(host=host)
    told = made.run(STORE + SECURE + "log.clear()\n" + PAIR)
    assert [one[0] for one in made.events(told, 28, 30)] == order


def test_a_refused_secret_still_says_bonded(bench):
    """SET_SECRET False: 28 says bonded, then 29 (1, 0, zeros)."""
    made = bench()
    told = made.run(STORE + SECURE + "log.clear()\nhooks[30] = lambda data: False\n" + PAIR)
    assert made.events(told, 28) == [[28, 0, 1, 0, 1, 16]]
    assert made.events(told, 29)[-1] == [29, 1, 0, "00" * 7]


def test_without_bonding_nothing_is_stored(bench):
    """IRQ 28 (c, 1, 0, 0, 16), no 30."""
    made = bench()
    told = made.run(STORE + "ble.config(bond=False, le_secure=True, mitm=False, io=3)\nlog.clear()\n" + PAIR)
    assert made.events(told, 28, 30) == [[28, 0, 1, 0, 0, 16]]


def test_point_05_a_security_request_acts_by_itself(bench):
    """No gap_pair by the firmware: the hub pairs with the configuration of that moment."""
    made = bench()

    async def meanwhile():
        await made.connected()
        made.peer.connection.request_pairing()

    told = made.run(STORE + SECURE + "link = connect()\nuntil(28, 20000)\n", meanwhile)
    assert made.events(told, 28) == [[28, 0, 1, 0, 1, 16]]


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_point_06_pairing_that_dies_with_its_link_is_told_before_the_disconnect(bench, host):
    """28 (c, 0, 0, 0, 0), then 8."""
    made = bench(host=host)
    made.peer.mute_pairing = True
    radio = made.peer.device.radio
    made.peer.on_pairing_request = lambda: made.world.link.drop(made.hub.nimble.radio, radio)
    told = made.run(STORE + SECURE + "link = connect()\nble.gap_pair(link)\nuntil(8, 20000)\n")
    assert [one[:3] for one in made.events(told, 28, 8)] == [[28, 0, 0], [8, 0, 1]]


def test_differing_keys_end_the_link(bench):
    """MIC failure: 28 (c, 0, 0, 0, 0), then 8."""
    made = bench()
    spoil = "for one in kept:\n    if one[0] == 2:\n        kept[one] = kept[one][:24] + bytes(16) + kept[one][40:]\n"
    told = made.run(LOSE + spoil + "link = connect()\nble.gap_pair(link)\nuntil(8, 20000)\n")
    assert [one[:3] for one in made.events(told, 28, 8)] == [[28, 0, 0], [8, 0, 1]]
