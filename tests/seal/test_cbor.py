"""CBOR against cbor2: what is written is canonical, and what is read back is what was written."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.contracts import Full, PeerError
from firmware.seal.cbor import Writer
from firmware.seal.reader import Reader

LEAVES = st.one_of(
    st.integers(-(2**64), 2**64 - 1),
    st.integers(-300, 300),
    st.binary(max_size=300),
    st.text(max_size=60),
    st.none(),
    st.booleans(),
)
ITEMS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=30), st.dictionaries(st.integers(0, 2**32), inner, max_size=30)
    ),
    max_leaves=40,
)


def write(writer, item):
    if item is None:
        writer.null()
    elif isinstance(item, bool):
        writer.bool(item)
    elif isinstance(item, int):
        writer.int(item)
    elif isinstance(item, bytes):
        writer.bytes(item)
    elif isinstance(item, str):
        writer.text(item)
    elif isinstance(item, list):
        writer.array(len(item))
        for one in item:
            write(writer, one)
    else:
        writer.map(len(item))
        for key in sorted(item):
            writer.uint(key)
            write(writer, item[key])


@given(ITEMS)
def test_what_is_written_is_canonical(item):
    writer = Writer(bytearray(20_000))
    write(writer, item)
    assert bytes(writer.buffer[: writer.at]) == cbor2.dumps(item, canonical=True)


@given(ITEMS, st.integers(0, 200))
def test_no_item_is_written_beyond_the_end(item, room):
    whole = cbor2.dumps(item, canonical=True)
    buffer = bytearray(b"\xee" * (room + 8))
    writer = Writer(buffer, 4, 4 + room)
    try:
        write(writer, item)
    except Full:
        assert len(whole) > room and bytes(buffer[4 : writer.at]) == whole[: writer.at - 4]
    else:
        assert bytes(buffer[4 : writer.at]) == whole
    assert buffer[:4] == b"\xee" * 4 and buffer[4 + room :] == b"\xee" * 4 and len(buffer) == room + 8


@given(st.binary(max_size=30), st.integers(0, 40))
def test_any_octets_give_an_item_or_a_complaint(octets, bound):
    for ask in (
        lambda reader: reader.uint(bound),
        lambda reader: reader.int(bound),
        lambda reader: bytes(reader.bytes(0, bound)),
        lambda reader: reader.text(bound),
        lambda reader: reader.array(bound),
        lambda reader: reader.map(bound),
        lambda reader: reader.tag(bound),
        lambda reader: reader.null(),
        lambda reader: reader.end(),
    ):
        try:
            got = ask(Reader(octets))
        except PeerError as error:
            assert error.args[0] == "cbor"
            continue
        if isinstance(got, int):
            assert abs(got) <= max(bound, 1)
        elif got is not None:
            assert len(got) <= bound


@given(st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=40), st.text(max_size=20)))
def test_only_the_shortest_form_is_read(item):
    octets = cbor2.dumps(item, canonical=True)

    def read(reader):
        if isinstance(item, int):
            return reader.uint(2**64)
        return bytes(reader.bytes(0, 99)) if isinstance(item, bytes) else reader.text(99)

    assert read(Reader(octets)) == item
    major, argument = octets[0] & 0xE0, octets[0] & 0x1F
    if argument < 24:
        longer = bytes((major | 24, argument)) + octets[1:]
    elif argument < 27:
        size = 1 << (argument - 24)
        longer = bytes((major | argument + 1,)) + bytes(size) + octets[1:]
    else:
        return
    with pytest.raises(PeerError):
        read(Reader(longer))
