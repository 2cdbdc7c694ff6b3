"""DNS questions and answers, on both interpreters. Octets by hand from RFC 1035, section 4."""

from firmware.contracts import PeerError
from firmware.uplink import dns

QUESTION = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\6broker\4test\0\0\1\0\1"
HEAD = b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" + QUESTION[12:]
ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\7"


def test_a_question_is_one_a_record():
    assert dns.question("broker.test", 0x1234) == QUESTION
    for name in ("", "a..b", "x" * 64, "y." * 200):
        try:
            dns.question(name, 1)
            raise AssertionError(name)
        except PeerError:
            pass


def test_the_first_address_counts_also_behind_an_alias():
    assert dns.answer(HEAD + ADDRESS, QUESTION) == "10.0.0.7"
    alias = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1x\xc0\x13"
    head = bytearray(HEAD)
    head[7] = 2
    assert dns.answer(bytes(head) + alias + ADDRESS, QUESTION) == "10.0.0.7"


def test_what_answers_something_else_is_passed_over():
    assert dns.answer(b"\x12\x35" + HEAD[2:] + ADDRESS, QUESTION) is None  # another identifier
    assert dns.answer(QUESTION, QUESTION) is None  # a question
    other = HEAD.replace(b"broker", b"brokes")
    assert dns.answer(other + ADDRESS, QUESTION) is None
    assert dns.answer(b"", QUESTION) is None


def test_every_truncation_is_no_address():
    whole = HEAD + ADDRESS
    for end in range(len(whole)):
        try:
            assert dns.answer(whole[:end], QUESTION) is None, end
        except PeerError:
            pass


def test_a_refusal_and_an_empty_answer_are_errors():
    refusal = bytearray(HEAD + ADDRESS)
    refusal[3] = 0x83  # no such name
    empty = bytearray(HEAD)
    empty[7] = 0
    for octets in (refusal, empty):
        try:
            dns.answer(bytes(octets), QUESTION)
            raise AssertionError(octets)
        except PeerError:
            pass


def test_addresses_need_no_question():
    assert dns.is_address("192.168.1.20")
    for name in ("broker.test", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.x", "1..2.3", "0001.1.1.1"):
        assert not dns.is_address(name), name


def refused(call, *arguments):
    try:
        call(*arguments)
    except PeerError as error:
        return error.args[0]
    return None


def test_names_have_their_lengths():
    longest = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61))  # 253 octets, RFC 1035 2.3.4
    assert len(dns.question(longest, 1)) == 12 + 1 + 253 + 1 + 4
    assert refused(dns.question, longest + "d", 1) == "dns: name"
    assert refused(dns.question, "a" * 63, 1) is None and refused(dns.question, "a" * 64, 1) == "dns: name"
    assert dns.question("a", 0xFEDC)[:2] == b"\xfe\xdc"


def _with(records, count):
    head = bytearray(HEAD)
    head[6:8] = bytes((count >> 8, count & 255))
    return bytes(head) + records


def test_names_in_records_are_stepped_over_in_each_form():
    longest = bytes((63,)) + b"n" * 63 + b"\0"
    for name in (b"\0", b"\1a\0", b"\6broker\4test\0", b"\3abc\xc0\x0c", b"\xc0\x0c", b"\xff\xff", longest):
        assert dns.answer(_with(name + ADDRESS[2:], 1), QUESTION) == "10.0.0.7", name
    for length in (64, 100, 0xBF):  # RFC 1035 4.1.4: the first two bits are both set or neither
        assert refused(dns.answer, _with(bytes((length,)) + b"n" * 300, 1), QUESTION) == "dns: label"
    assert refused(dns.answer, _with(b"\1a", 1), QUESTION) == "dns: truncated"
    assert refused(dns.answer, _with(b"", 1), QUESTION) == "dns: truncated"


def test_what_a_record_says_of_its_length_and_kind_is_looked_at():
    other = b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10" + bytes(16)  # AAAA
    assert dns.answer(_with(other + ADDRESS, 2), QUESTION) == "10.0.0.7"
    odd = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\1\2\3\4\5"
    assert dns.answer(_with(odd + ADDRESS, 2), QUESTION) == "10.0.0.7"
    assert refused(dns.answer, _with(odd, 1), QUESTION) == "dns: no address"
    long = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\1\0" + bytes(256)
    assert dns.answer(_with(long + ADDRESS, 2), QUESTION) == "10.0.0.7"
    assert refused(dns.answer, _with(long[:-1], 1), QUESTION) == "dns: truncated"
    aliases = (b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\1\0") * 20
    assert dns.answer(_with(aliases[: 13 * 15] + ADDRESS, 16), QUESTION) == "10.0.0.7"
    assert refused(dns.answer, _with(aliases[: 13 * 16] + ADDRESS, 17), QUESTION) == "dns: no address"
