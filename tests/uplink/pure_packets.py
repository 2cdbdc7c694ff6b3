"""MQTT packets from the broker, on both interpreters. Octets by hand from OASIS MQTT 3.1.1, section in each comment."""

from firmware.contracts import PeerError
from firmware.uplink import packets

CONNACK = bytes((0x20, 2, 0, 0))  # 3.2
PUBACK_7 = bytes((0x40, 2, 0, 7))  # 3.4
SUBACK_10 = bytes((0x90, 3, 0, 10, 1))  # 3.9
PINGRESP = bytes((0xD0, 0))  # 3.13
PUBLISH_A_B = bytes((0x32, 7, 0, 3)) + b"a/b" + bytes((0, 10))  # 3.3, figure 3.11's topic and identifier


def refused(reader_or_call, *arguments):
    try:
        reader_or_call(*arguments)
    except PeerError:
        return True
    return False


def test_packets_are_read_whatever_the_pieces():
    stream = CONNACK + PUBACK_7 + SUBACK_10 + PINGRESP + PUBLISH_A_B
    for size in range(1, len(stream) + 1):
        reader = packets.PacketReader()
        found = []
        for at in range(0, len(stream), size):
            reader.feed(stream[at : at + size])
            packet = reader.next_packet()
            while packet is not None:
                found.append(packet)
                packet = reader.next_packet()
        assert found == [
            (packets.CONNACK, 0, b"\0\0"),
            (packets.PUBACK, 0, b"\0\7"),
            (packets.SUBACK, 0, b"\0\x0a\1"),
            (packets.PINGRESP, 0, b""),
            (packets.PUBLISH, 2, b"\0\3a/b\0\x0a"),
        ]
    assert packets.publish(2, b"\0\3a/b\0\x0a") == (b"a/b", 10, b"")
    assert packets.publish(0, b"\0\3a/bxyz") == (b"a/b", 0, b"xyz")


def test_a_length_of_two_octets_is_read():
    reader = packets.PacketReader()
    body = b"\0\1t" + bytes(318)
    reader.feed(bytes((0x30, 0xC1, 0x02)) + body)  # 2.2.3: 321 = 65 + 2 * 128
    assert reader.next_packet() == (packets.PUBLISH, 0, body)


def test_what_no_broker_may_send_is_refused():
    for octets in (
        b"\x10\0",  # CONNECT from a broker
        b"\x21\2\0\0",  # reserved flags of CONNACK
        b"\x20\3\0\0\0",  # CONNACK too long
        b"\x40\1\0",  # PUBACK too short
        b"\xd0\1\0",  # PINGRESP with a body
        b"\0\0",
        b"\xf0\0",
        b"\x30\xff\xff\xff\xff\x01",  # a length of five octets
        b"\x30\xff\xff\xff\x7f",  # 256 MB
    ):
        reader = packets.PacketReader()
        reader.feed(octets)
        assert refused(reader.next_packet), octets


def test_more_than_the_bound_is_never_collected():
    reader = packets.PacketReader(16)
    assert refused(reader.feed, bytes(22))
    reader.feed(b"\x30\x10" + bytes(16))
    assert reader.next_packet() == (packets.PUBLISH, 0, bytes(16))
    reader.feed(b"\x30\x11")
    assert refused(reader.next_packet)


def test_answers_that_refuse_are_errors_with_their_code():
    assert packets.connack(b"\0\0") is False and packets.connack(b"\1\0") is True
    for code in range(1, 6):
        try:
            packets.connack(bytes((0, code)))
            raise AssertionError(code)
        except PeerError as error:
            assert error.args[1] == code
    assert refused(packets.connack, b"\2\0")
    assert packets.suback(b"\0\x0a\1") == 10
    assert refused(packets.suback, b"\0\x0a\x80")


def test_malformed_publishes_are_refused():
    assert refused(packets.publish, 0, b"")
    assert refused(packets.publish, 0, b"\0\4abc")
    assert refused(packets.publish, 2, b"\0\3abc\0")
    assert refused(packets.publish, 2, b"\0\1a\0\0")  # identifier 0, 2.3.1
    assert refused(packets.publish, 4, b"\0\1a\0\1")  # QoS 2: never subscribed
    assert refused(packets.publish, 6, b"\0\1a\0\1")


def test_connect_is_as_the_standard_writes_it():
    # 3.1: protocol name and level, flags clean session + will + will QoS 1, keep alive 240 s, identifier, will
    assert packets.connect(b"hub", 240, b"w", b"gone") == (
        b"\x10\x18\0\4MQTT\4\x0e\0\xf0\0\3hub\0\1w\0\4gone"
    )
    long = packets.connect(b"h" * 12, 240, b"t" * 40, b"m" * 90)
    assert long[:3] == b"\x10\x9e\x01" and len(long) == 3 + 158  # 158 = 30 + 1 * 128
    assert packets.puback(0x1234) == b"\x40\2\x12\x34"


def test_a_length_that_has_not_come_is_waited_for_and_a_bound_counts_to_the_octet():
    reader = packets.PacketReader()
    for octet in (0x30, 0x80, 0x80, 0x80):  # 2.2.3: up to four octets
        reader.feed(bytes((octet,)))
        assert reader.next_packet() is None
    reader.feed(b"\x00")
    assert reader.next_packet() == (packets.PUBLISH, 0, b"")
    assert reader.room() == packets.BODY_OCTETS_MAX + 5
    reader.feed(b"\x30\x80\x80\x80\x80")
    assert refused(reader.next_packet)


def test_flags_and_lengths_of_each_answer_are_looked_at():
    for first in (0x21, 0x41, 0x91, 0xD1, 0x60, 0x70, 0xB0, 0xE0, 0xC0):
        reader = packets.PacketReader()
        reader.feed(bytes((first, 2, 0, 1)))
        assert refused(reader.next_packet), first
    for octets in (b"\x20\1\0", b"\x40\3\0\0\1", b"\x90\2\0\1", b"\x90\4\0\1\0\0"):
        reader = packets.PacketReader()
        reader.feed(octets)
        assert refused(reader.next_packet), octets


def test_numbers_of_two_octets_are_read_whole():
    assert packets.packet_id(b"\x12\x34") == 0x1234
    assert packets.suback(b"\x12\x34\2") == 0x1234
    assert refused(packets.suback, b"\x12\x34\3")
    assert packets.publish(2, b"\0\1t\x12\x34x") == (b"t", 0x1234, b"x")
    assert packets.publish(0, b"\x01\x00" + b"t" * 256) == (b"t" * 256, 0, b"")


def test_a_publish_may_be_empty_and_no_shorter():
    assert packets.publish(0, b"\0\0") == (b"", 0, b"")
    assert refused(packets.publish, 0, b"\0")
    assert packets.publish(2, b"\0\1t\0\1") == (b"t", 1, b"")


def test_a_connect_at_the_border_of_one_length_octet():
    for octets, head in ((127, b"\x10\x7f"), (128, b"\x10\x80\x01"), (129, b"\x10\x81\x01")):
        made = packets.connect(b"h", 240, b"t", b"m" * (octets - 18))  # 10 before, 2 for each length, h and t
        assert made[: len(head)] == head and len(made) == len(head) + octets
