"""Brokers of either kind, running for real clients, and a plain client (paho) that tells what it may do."""

import asyncio
import contextlib
import queue
import ssl
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.net import Net
from tools.simulator.brokers import access, bridge, embedded
from tools.simulator.brokers.mosquitto import Mosquitto
from tools.simulator.brokers.rabbitmq import Rabbit
from tools.technician import ca

HUB, OTHER = "24d7eb0a1b2c", "24d7eb0a1b2d"
_WAIT_S = 5

AUTHORITY = ca.Authority(ca.seeded(1, "ca"))
BROKER = AUTHORITY.broker("broker.demo", addresses=("127.0.0.1",))
CLIENTS = {name: AUTHORITY.client(name) for name in (HUB, OTHER, access.BACKEND)}


@contextlib.contextmanager
def running(kind):
    """The port of a broker of this kind."""
    if kind == "mosquitto":
        with Mosquitto(BROKER, AUTHORITY) as broker:
            yield broker.port
        return
    if kind == "rabbitmq":
        with Rabbit(BROKER, AUTHORITY, [OTHER]) as broker:
            broker.add(HUB)
            yield broker.port
        return
    loop = VirtualLoop()
    net = Net(loop, loop.time)
    ports: queue.Queue = queue.Queue()
    stop = asyncio.Event()

    async def serve():
        broker = embedded.EmbeddedBroker(net, BROKER, AUTHORITY)
        await broker.start()
        ports.put(await bridge.expose(net, broker.listener))
        await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield ports.get(timeout=_WAIT_S)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        net.close()
        loop.close()


class Client:
    """A client with a certificate; `connect` raises when it is not let in."""

    def __init__(self, folder: Path, identity, client_id, *, will=None, clean=True):
        self.heard: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self.lost = threading.Event()
        self._paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id, clean_session=clean, protocol=paho.MQTTv311
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=AUTHORITY.certificate_pem.decode())
        if identity is not None:
            context.load_cert_chain(*identity.save(folder, f"client-{id(self)}"))
        self._paho.tls_set_context(context)
        if will is not None:
            self._paho.will_set(*will, qos=1)
        self._paho.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self._paho.on_connect = lambda _c, _u, _f, reason, _p: self._answers.put(reason)
        self._paho.on_subscribe = lambda *_: self._answers.put("subscribed")
        self._paho.on_disconnect = lambda *_: self.lost.set()

    def connect(self, port):
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()
        reason = self._answers.get(timeout=_WAIT_S)
        if reason.is_failure:
            raise ConnectionRefusedError(str(reason))
        return self

    def publish(self, topic, payload):
        said = self._paho.publish(topic, payload, qos=1)
        ends_s = time.monotonic() + _WAIT_S
        while not said.is_published() and not self.lost.is_set():  # one that hangs up on what is forbidden
            assert time.monotonic() < ends_s
            time.sleep(0.01)

    def dropped(self):
        """Whether the broker hung up."""
        return self.lost.is_set()

    def subscribe(self, topics):
        self._paho.subscribe(topics, qos=1)
        self._answers.get(timeout=_WAIT_S)

    def hears(self):
        """The next message."""
        return self.heard.get(timeout=_WAIT_S)

    def vanish(self):
        """End without DISCONNECT."""
        self._paho._sock_close()
        self._paho.loop_stop()

    def close(self):
        self._paho.disconnect()
        self._paho.loop_stop()
