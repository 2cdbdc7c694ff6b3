"""What is allowed and forbidden: one table, a real client, and every broker that telehub starts.

Judged by what arrives: brokers differ in how they say no (Mosquitto grants a subscription and delivers
nothing).
"""

import queue
import ssl
import time

import pytest

from tests.simulator.brokers.running import AUTHORITY, CLIENTS, HUB, OTHER, Client, running
from tools.simulator.brokers import access
from tools.technician import ca

_SETTLED_S = (
    0.5  # until the broker has seen a DISCONNECT: amqtt loses what it sends into a closing connection
)
MARK = b"the mark after which nothing earlier can follow"


def hub_topic(last, hub=HUB):
    return f"telehub/1/{hub}/{last}"


# topic, whether the platform hears it when the hub publishes there
FROM_HUB = [
    (hub_topic("up"), True),
    (hub_topic("health"), True),
    (hub_topic("up", OTHER), False),
    (hub_topic("health", OTHER), False),
    (hub_topic("up") + "/more", False),
    ("telehub/1//up", False),
    ("telehub/2/" + HUB + "/up", False),
    ("telehub/1/" + HUB.upper() + "/up", False),
    ("elsewhere", False),
]
# Every way to write a filter that matches another hub's topics (MQTT 3.1.1, 4.7), a shared one too
WILDCARDS = [
    "#", "telehub/#", "telehub/1/#", f"telehub/1/{OTHER}/#", f"telehub/1/{OTHER}/+", "telehub/1/+/receipt",
    "telehub/1/+/order", "telehub/1/+/+", f"telehub/+/{OTHER}/receipt", f"+/1/{OTHER}/order", "+/+/+/+",
    f"+/+/{OTHER}/#", "+/#", f"$share/us/telehub/1/{OTHER}/receipt", "$share/us/#", "$SYS/#",
]  # fmt: skip
# subscription of the hub, topic to which the platform publishes, whether the hub hears it
TO_HUB = [
    (hub_topic("receipt"), hub_topic("receipt"), True),
    (hub_topic("order"), hub_topic("order"), True),
    (hub_topic("receipt", OTHER), hub_topic("receipt", OTHER), False),
    (hub_topic("order", OTHER), hub_topic("order", OTHER), False),
]
# topics where a hub's message must reach no hub that could be listening, itself included
NOWHERE = [
    hub_topic("receipt"),
    hub_topic("order"),
    hub_topic("receipt", OTHER),
    hub_topic("order", OTHER),
]


@pytest.fixture(
    scope="module",
    params=["embedded", *(pytest.param(name, marks=pytest.mark.needs(name)) for name in ("mosquitto", "rabbitmq"))],
)
def port(request):
    with running(request.param) as port:
        yield port


@pytest.fixture
def client(tmp_path, port):
    clients = []

    def make(name, *, identity="own", client_id=None, **options):
        identity = CLIENTS[name] if identity == "own" else identity
        made = Client(tmp_path, identity, client_id or name, **options)
        made.name = name
        clients.append(made)
        return made.connect(port)

    yield make
    for made in clients:
        made.close()


def again(client, one):
    """The same hub's next connection: RabbitMQ ends one on which something forbidden was published."""
    one.close()
    return client(one.name)


@pytest.mark.promise("P10")
@pytest.mark.parametrize(("topic", "arrives"), FROM_HUB)
def test_what_a_hub_publishes_reaches_the_platform_from_its_own_topics_alone(client, topic, arrives):
    platform, hub = client(access.BACKEND), client(HUB)
    platform.subscribe("telehub/1/+/up")
    platform.subscribe("telehub/1/+/health")
    hub.publish(topic, b"octets")
    if not arrives:
        hub = again(client, hub)
    hub.publish(hub_topic("up"), MARK)
    if arrives:
        assert platform.hears() == (topic, b"octets")
    assert platform.hears() == (hub_topic("up"), MARK)


@pytest.mark.promise("P10")
@pytest.mark.parametrize(("topics", "topic", "arrives"), TO_HUB)
def test_a_hub_hears_what_is_for_it_and_nothing_else(client, topics, topic, arrives):
    platform, hub = client(access.BACKEND), client(HUB)
    hub.subscribe(topics)
    if not arrives:
        hub.subscribe(hub_topic("receipt"))
    platform.publish(topic, b"octets")
    platform.publish(hub_topic("receipt"), MARK)
    if arrives:
        assert hub.hears() == (topic, b"octets")
    else:
        assert hub.hears() == (hub_topic("receipt"), MARK)


@pytest.mark.promise("P10")
@pytest.mark.parametrize("topics", WILDCARDS)
def test_no_wildcard_hears_what_is_for_another_hub(client, topics):
    platform, hub = client(access.BACKEND), client(HUB)
    hub.subscribe(topics)
    hub.subscribe(hub_topic("receipt"))
    for topic in (hub_topic("receipt", OTHER), hub_topic("order", OTHER), hub_topic("receipt")):
        platform.publish(topic, MARK)
    assert hub.hears() == (hub_topic("receipt"), MARK)


@pytest.mark.promise("P10")
@pytest.mark.parametrize("topic", NOWHERE)
def test_a_hub_cannot_speak_as_the_platform(client, topic):
    platform, hub, other = client(access.BACKEND), client(HUB), client(OTHER)
    for one, name in ((hub, HUB), (other, OTHER)):
        one.subscribe(hub_topic("receipt", name))
        one.subscribe(hub_topic("order", name))
    hub.publish(topic, b"forged")
    if hub.dropped():  # RabbitMQ
        assert other.heard.empty() and hub.heard.empty()
        hub = again(client, hub)
        hub.subscribe(hub_topic("receipt"))
    for one, name in ((hub, HUB), (other, OTHER)):
        platform.publish(hub_topic("receipt", name), MARK)
        assert one.hears() == (hub_topic("receipt", name), MARK)


def test_the_will_of_a_hub_that_vanished_is_told_on_its_health_topic(client):
    platform = client(access.BACKEND)
    platform.subscribe("telehub/1/+/health")
    client(HUB, will=(hub_topic("health"), b"gone")).vanish()
    assert platform.hears() == (hub_topic("health"), b"gone")


@pytest.mark.promise("P10")
def test_a_will_for_another_hubs_topic_is_not_executed(client):
    platform, other = client(access.BACKEND), client(OTHER)
    platform.subscribe("telehub/1/+/health")
    client(HUB, will=(hub_topic("health", OTHER), b"gone")).vanish()
    other.publish(hub_topic("health", OTHER), MARK)
    assert platform.hears() == (hub_topic("health", OTHER), MARK)


@pytest.mark.promise("P10")
def test_the_name_in_the_certificate_is_the_client_whatever_it_calls_itself(client, request):
    platform, hub = client(access.BACKEND), client(HUB)
    hub.subscribe(hub_topic("receipt"))
    impostors = []
    for clean in (True, False):
        try:
            impostors.append(client(OTHER, client_id=HUB, clean=clean))
            impostors[-1].subscribe(hub_topic("receipt"))
        except (ConnectionRefusedError, queue.Empty):
            continue  # RabbitMQ knows whose session that is
        impostors[-1].publish(hub_topic("up"), b"as the other hub")
    for one in impostors:
        one.close()
    if "rabbitmq" in request.node.callspec.id and hub.dropped():  # the most that it can do there (brokers/rabbitmq.py)
        hub = again(client, hub)
        hub.subscribe(hub_topic("receipt"))
    platform.publish(hub_topic("receipt"), MARK)
    assert hub.hears() == (hub_topic("receipt"), MARK)
    assert not hub.dropped() and all(one.heard.empty() for one in impostors)


def test_what_came_while_a_hub_was_away_waits_for_its_persistent_session(client):
    platform, hub = client(access.BACKEND), client(HUB, clean=False)
    hub.subscribe(hub_topic("receipt"))
    hub.close()
    time.sleep(_SETTLED_S)
    platform.publish(hub_topic("receipt"), b"meanwhile")
    assert client(HUB, clean=False).hears() == (hub_topic("receipt"), b"meanwhile")
    client(HUB).close()  # a clean session ends the persistent one


@pytest.mark.promise("P10")
@pytest.mark.parametrize("which", ["none", "other authority", "server only", "expired"])
def test_without_a_good_client_certificate_nobody_gets_in(client, which):
    identity = {
        "none": None,
        "other authority": ca.Authority(ca.seeded(2, "ca")).client(HUB),
        "server only": AUTHORITY.client(HUB, usage=(ca.SERVER,)),
        "expired": AUTHORITY.client(HUB, valid_to=ca.VALID_FROM.replace(year=2025)),
    }[which]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client(HUB, identity=identity)
