"""Every broker that the hub must not talk to, and what it says of each: the hub's own session on the twin.

One row is one connection; "accepted" is what the broker's side would have to have seen for anything to be told to it.
"""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.simulator.net.twin import AUTHORITY, BROKER, BROKER_NAME, CLIENT, NAME
from tests.uplink.trials import NOW_S, Outcome, Try, counted, cut, tried
from tools.simulator.air.net_tls import TlsService, server_context
from tools.simulator.brokers import bridge
from tools.simulator.brokers.mosquitto import Mosquitto
from tools.technician import ca

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10", "P11")]

OTHER = "24d7eb0a1b2d"
STRANGER = ca.Authority(ca.seeded(2, "ca"))
NAMESAKE = ca.Authority(ca.seeded(3, "ca"))  # bears the programme's name, has another key
_CONNECT_MS, _HANDSHAKE_MS, _ANSWER_MS = 10_000, 20_000, 10_000  # firmware/uplink/session.py
_SLACK_MS = 1_000
_AT_ONCE = 500  # tries of which one hub tells


def utc(year, month=1, day=1):
    return datetime.datetime(year, month, day, tzinfo=datetime.UTC)


def seconds(*date):
    return int(utc(*date).timestamp())


def with_certificate(identity):
    return lambda: server_context(identity, AUTHORITY.certificate_pem)


def issued(issuer, issuer_key, key):
    """A broker's certificate that no authority made."""
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, BROKER_NAME)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(ca.VALID_FROM)
        .not_valid_after(ca.VALID_TO)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(BROKER_NAME)]), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def chain_through_a_hub():
    """Made by a hub with its own key: no authority, whatever its chain leads to."""
    key = ca.new_key(ca.seeded(9, "false broker"))
    made = issued(CLIENT.certificate.subject, CLIENT.key, key)

    class Chained(ca.Identity):
        @property
        def certificate_pem(self):
            return made.public_bytes(serialization.Encoding.PEM) + CLIENT.certificate_pem

    return with_certificate(Chained(made, key))


def self_signed():
    key = ca.new_key(ca.seeded(4, "alone"))
    return with_certificate(ca.Identity(issued(BROKER.certificate.subject, key, key), key))


def only(version, suites="DEFAULT:@SECLEVEL=0"):
    def made():
        context = server_context(BROKER, AUTHORITY.certificate_pem)
        context.set_ciphers(suites)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
        context.minimum_version = context.maximum_version = version
        return context

    return made


def says(octets):
    """A machine without TLS that answers so, whatever comes."""

    def answers(world, endpoint):
        endpoint.on_octets = lambda _: endpoint.send(octets)

    return answers


def says_first(octets):
    return lambda world, endpoint: endpoint.send(octets)


def downgrade(world, endpoint):
    """A true broker, and a man in the middle who writes TLS 1.1 into its hello (RFC 5246, 7.4.1.3)."""
    send = endpoint.send

    def changed(octets):
        if octets[:1] == b"\x16" and octets[5:6] == b"\x02":
            octets = octets[:9] + b"\x03\x02" + octets[11:]
        send(octets)

    endpoint.send = changed
    TlsService(server_context(BROKER, AUTHORITY.certificate_pem), world.broker.tls.service)(endpoint)


def bit_in_the_key_exchange(world, endpoint):
    """A man in the middle who changes a bit of what the broker signed."""
    send = endpoint.send

    def changed(octets):
        at = max(octets.find(b"\x03\x00\x1d\x20"), octets.find(b"\x03\x00\x17\x41"))  # x25519 or P-256 (RFC 8422, 5.4)
        if at > 0:
            octets = octets[: at + 20] + bytes([octets[at + 20] ^ 1]) + octets[at + 21 :]
        send(octets)

    endpoint.send = changed
    TlsService(server_context(BROKER, AUTHORITY.certificate_pem), world.broker.tls.service)(endpoint)


def client(identity, **more):
    return Try(certificate=identity.certificate_der, key=identity.key_der, **more)


BY_2031 = {"clock": (seconds(2031, 1, 5), True)}  # the host's own clock, by which mbedTLS judges here, is before it
OVER_IN_2030 = with_certificate(AUTHORITY.broker(BROKER_NAME, valid_to=utc(2031, 1, 4)))
FROM_2026 = with_certificate(AUTHORITY.broker(BROKER_NAME, valid_from=utc(2026, 2, 1)))

# name: (try, what the hub says of it; None: it is let in, the number that comes with it or None for any)
TRIALS = {
    "the right one": (Try(), None),
    "another authority": (Try(context=with_certificate(STRANGER.broker(BROKER_NAME))), "line: certificate"),
    "an authority of the same name": (Try(context=with_certificate(NAMESAKE.broker(BROKER_NAME))), "line: certificate"),
    "another name": (Try(context=with_certificate(AUTHORITY.broker("broker.evil"))), "line: certificate"),
    "the name as a beginning": (
        Try(context=with_certificate(AUTHORITY.broker(BROKER_NAME + ".evil.example"))), "line: certificate",
    ),
    "over for long": (
        Try(context=with_certificate(AUTHORITY.broker(BROKER_NAME, valid_from=utc(2020), valid_to=utc(2021)))),
        "line: certificate",
    ),
    "not begun for long": (
        Try(context=with_certificate(AUTHORITY.broker(BROKER_NAME, valid_from=utc(2048, 1, 1)))), "line: certificate",
    ),
    "over by the hub's clock": (Try(context=OVER_IN_2030, **BY_2031), "certificate: expired"),
    "over by the hub's floor": (Try(context=OVER_IN_2030, clock=(seconds(2031, 1, 5), False)), "certificate: expired"),
    "not begun by the hub's clock": (Try(context=FROM_2026), "certificate: not yet valid"),
    # A hub that knows its floor only must reach the platform to learn the time: it asks again then.
    "not begun by the hub's floor": (Try(context=FROM_2026, clock=(NOW_S, False)), None),
    "self-signed": (Try(context=self_signed()), "line: certificate"),
    "signed by a hub": (Try(context=chain_through_a_hub()), "line: certificate"),
    "a client's certificate": (Try(context=with_certificate(AUTHORITY.client(BROKER_NAME))), "line: tls"),
    "plain MQTT": (Try(answers=says(b"\x20\x02\x00\x00")), "link: no answer"),  # less than a record's head
    "plain MQTT, unasked": (Try(answers=says_first(b"\x20\x02\x00\x00" * 4)), "line: tls"),
    "a web server": (Try(answers=says(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "line: tls"),
    "TLS 1.1": (Try(context=only(ssl.TLSVersion.TLSv1_1)), "line: tls"),
    "TLS 1.0": (Try(context=only(ssl.TLSVersion.TLSv1)), "line: tls"),
    "a hello changed to TLS 1.1": (Try(answers=downgrade), "line: tls"),
    "a key exchange with a changed bit": (Try(answers=bit_in_the_key_exchange), "line: tls"),
    "a suite without authentication": (
        Try(context=only(ssl.TLSVersion.TLSv1_2, "aNULL:@SECLEVEL=0")), "line: tls",
    ),
    "with another hub's certificate": (client(AUTHORITY.client(OTHER)), "mqtt: subscription refused"),
    "with a certificate that names no hub": (client(AUTHORITY.client("mallory")), "mqtt: refused"),
    "with a certificate not for clients": (client(AUTHORITY.client(NAME, usage=(ca.SERVER,))), "line: tls"),
    "with a certificate of another authority": (client(STRANGER.client(NAME)), "line: tls"),
    "with a certificate that is over": (client(AUTHORITY.client(NAME, valid_to=utc(2025, 1, 1))), "line: tls"),
    "without room for a handshake": (Try(ballast=11_000, connects=False), "line: memory"),
    "the right one again": (Try(), None),
}  # fmt: skip
LET_IN = [name for name, (_, reason) in TRIALS.items() if reason is None]
# What the broker's side takes for a good handshake although the hub then leaves: the hub's own clock is asked after it,
# and what a wrong certificate of the hub's may do is the broker's to say.
SHAKEN = (*LET_IN, "over by the hub's clock", "over by the hub's floor", "not begun by the hub's clock",
          "with another hub's certificate", "with a certificate that names no hub")  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    seen = tried(tmp_path_factory.mktemp("tls"), [one for one, _ in TRIALS.values()])
    return dict(zip(TRIALS, seen, strict=True))


@pytest.mark.parametrize("name", TRIALS)
def test_each_ends_in_time_with_a_name_and_nothing_was_told(outcomes, name):
    outcome, reason = outcomes[name], TRIALS[name][1]
    assert outcome.reason == reason, outcome
    assert outcome.ms <= _HANDSHAKE_MS + 2 * _ANSWER_MS + _SLACK_MS
    assert bool(outcome.accepted) == (name in SHAKEN)
    said = [payload for _, payload in outcome.heard]
    assert (b"signed" in said) == (name in LET_IN)
    if name not in SHAKEN:
        assert outcome.heard == []


def chip_heap(regions):
    """A hub whose chip has this left for mbedTLS: what esp32.idf_heap_info tells."""
    return f"import esp32\nesp32.idf_heap_info = lambda capabilities: {regions!r}\n"


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ([(262144, 60_000, 20_000, 0)], None),
        ([(262144, 30_000, 20_000, 0)], "line: chip memory"),
        ([(262144, 60_000, 16_000, 0), (100, 100, 100, 0)], "line: chip memory"),
        ([(262144, 10_000, 9_000, 0), (2097152, 1_000_000, 900_000, 0)], None),
    ],
)
def test_the_chips_own_memory_is_asked_for_before_a_handshake(tmp_path, regions, reason):
    [outcome] = tried(tmp_path, [Try(connects=reason is None)], before=chip_heap(regions))
    assert outcome.reason == reason


# -- a broker that stops anywhere ---------------------------------------------------------------------------


def test_a_broker_that_stops_at_any_octet_of_the_handshake_is_left_in_time(tmp_path):
    """Silence after every single octet; an end, in order or by a reset, after every 16th."""
    sends: list[int] = []
    context = server_context(BROKER, AUTHORITY.certificate_pem)
    [whole] = tried(tmp_path, [Try(answers=counted(context, sends))])
    flights = sends[0] + sends[1]  # hello to done, and what answers the hub's finished
    assert whole.reason is None and 600 < flights < 1200
    ends = [("silent", at) for at in range(flights - 3)]  # a signature may be two or three octets shorter this time
    ends += [(how, at) for how in ("close", "reset") for at in range(0, flights - 3, 16)]
    seen = []
    for first in range(0, len(ends), _AT_ONCE):
        cuts = [Try(answers=cut(context, at, how)) for how, at in ends[first : first + _AT_ONCE]]
        seen += tried(tmp_path, cuts, ceiling_s=_AT_ONCE * 40.0)
    for (how, at), outcome in zip(ends, seen, strict=True):
        assert outcome.reason in ALLOWED[how], (how, at, outcome)
        assert outcome.ms <= _HANDSHAKE_MS + _ANSWER_MS + _SLACK_MS, (how, at, outcome)
        assert outcome.heard == [] or outcome.heard == [(f"telehub/1/{NAME}/health", b"gone")], (how, at, outcome)


ALLOWED = {
    "silent": ("link: no answer",),
    "close": ("line: tls", "line: write", "line: read", "line: closed"),
    "reset": ("line: write", "line: read", "line: tls"),
}


# -- on a real broker ---------------------------------------------------------------------------------------

_ON_MOSQUITTO = {
    "the right one": (BROKER, Try(), None),
    "another authority": (STRANGER.broker(BROKER_NAME), Try(), "line: certificate"),
    "another name": (AUTHORITY.broker("broker.evil"), Try(), "line: certificate"),
    "over by the hub's clock": (
        AUTHORITY.broker(BROKER_NAME, valid_to=utc(2031, 1, 4)), Try(**BY_2031), "certificate: expired",
    ),
    "not begun for long": (AUTHORITY.broker(BROKER_NAME, valid_from=utc(2048, 1, 1)), Try(), "line: certificate"),
    # It says nothing of topics that it refuses: what is published there goes nowhere (tests/simulator/brokers).
    "with another hub's certificate": (BROKER, client(AUTHORITY.client(OTHER)), None),
    "with a certificate not for clients": (BROKER, client(AUTHORITY.client(NAME, usage=(ca.SERVER,))), "line: tls"),
    "with a certificate of another authority": (BROKER, client(STRANGER.client(NAME)), "line: tls"),
    "with a certificate that is over": (BROKER, client(AUTHORITY.client(NAME, valid_to=utc(2025, 1, 1))), "line: tls"),
}  # fmt: skip


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize(("lost", "reason"), [(CLIENT, "line: tls"), (AUTHORITY.client(OTHER), None)])
def test_a_lost_hub_is_not_let_in_and_the_others_are(tmp_path, lost, reason):
    withdrawn = AUTHORITY.withdrawn([lost.certificate], utc(2026, 1, 1))
    with Mosquitto(BROKER, AUTHORITY, withdrawn) as broker:
        [outcome] = tried(
            tmp_path, [Try()], prepared=lambda world: bridge.bridge(world.net, broker.url, name=BROKER_NAME)
        )
    assert outcome.reason == reason


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("name", _ON_MOSQUITTO)
def test_a_real_mosquitto_is_judged_alike(tmp_path, name):
    identity, one, reason = _ON_MOSQUITTO[name]
    with Mosquitto(identity, AUTHORITY) as broker:
        [outcome] = tried(
            tmp_path, [one], prepared=lambda world: bridge.bridge(world.net, broker.url, name=BROKER_NAME)
        )
        log = broker.log()
    assert isinstance(outcome, Outcome) and outcome.reason == reason, (outcome, log)
    assert (f"as {NAME} " in log) == (name == "the right one")
