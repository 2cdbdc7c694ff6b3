"""The table of P-256's base point: every entry is the multiple that it should be, as OpenSSL has it."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec

from firmware.seal import p256_schemes
from tools.host import compile as build
from tools.host import p256_table

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1


def multiple(scalar):
    public = ec.derive_private_key(scalar % ORDER, ec.SECP256R1()).public_key().public_numbers()
    return public.x, public.y


def number(octets):
    """19 limbs of 14 bits, out of Montgomery's form."""
    limbs = [int.from_bytes(octets[at : at + 2], "little") for at in range(0, 38, 2)]
    assert all(limb < 1 << 14 for limb in limbs)
    return sum(limb << 14 * at for at, limb in enumerate(limbs)) * pow(2, -266, FIELD) % FIELD


def test_every_point_is_the_multiple_that_the_code_says():
    table = p256_table.table()
    assert len(table) == 8 * 128 * 76 <= p256_table.OCTETS_MAX
    for column in range(8):
        for index in range(128):
            scalar = 1 << 224
            for tooth in range(7):
                scalar += (1 if index >> tooth & 1 else -1) << 32 * tooth
            at = 76 * (128 * column + index)
            point = number(table[at : at + 38]), number(table[at + 38 : at + 76])
            assert point == multiple(scalar << 4 * column)


def test_the_hub_knows_the_tables_hash():
    assert hashlib.sha256(p256_table.table()).digest() == p256_schemes._TABLE_SHA256


def test_the_image_holds_the_table_and_mends_it(tmp_path):
    done = build.image(into=tmp_path)
    table = tmp_path / "firmware" / "seal" / p256_table.NAME
    assert table in [one.target for one in done]
    table.write_bytes(b"something else")
    build.image(into=tmp_path)
    assert table.read_bytes() == p256_table.table()
