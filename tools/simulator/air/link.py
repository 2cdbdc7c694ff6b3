"""The radio space: who hears whom, after how long, and what goes wrong on the way."""

import random
from collections.abc import Callable

import bumble.link
from bumble import hci, ll
from bumble.core import PhysicalTransport

from tools.simulator.air.clock import VirtualLoop

HOP_S = 0.015  # half of a 30 ms connection interval, which medical devices ask for
SUPERVISION_S = 2.56  # NimBLE's default supervision timeout for a link that it makes

_REASON_TIMEOUT = 0x08
_FIFO_GAP_S = 1e-6  # two frames of one direction never arrive in one moment, nor in the wrong order

Fault = Callable[[object, object, bytes], "bytes | list[bytes] | None"]


class Link(bumble.link.LocalLink):
    """Bumble's link bus in an order that the seed decides, with latency, loss and faults.

    `fault(sender, receiver, frame)` sees each L2CAP frame: return it, another one, a list of them, or None to lose it.
    """

    def __init__(self, loop: VirtualLoop, chance: random.Random | None = None, hop_s: float = HOP_S):
        super().__init__()
        # A set's order follows addresses in memory; a dict's follows the order in which controllers were added.
        self.controllers = _OrderedSet()  # type: ignore[assignment]
        self.loop = loop
        self.chance = chance or random.Random(0)
        self.hop_s = hop_s
        self.advert_loss = 0.0
        self.rssi_dbm = -60
        self.fault: Fault | None = None
        self.advertisers: dict = {}
        self.adverts_sent = 0
        self._arrives_last: dict[tuple[object, object], float] = {}

    # -- connections

    def find_le_controller(self, address):
        """The controller that answers to `address`."""
        for controller in self.controllers:
            if address in (controller.public_address, controller.random_address):
                return controller
        return None

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        """Carry one L2CAP frame."""
        assert transport == PhysicalTransport.LE
        receiver = self.find_le_controller(destination_address)
        connection = sender_controller.le_connections.get(destination_address)
        if receiver is None or connection is None:
            return
        frames = [data] if self.fault is None else self.fault(sender_controller, receiver, data)
        if frames is None:
            return
        for frame in [frames] if isinstance(frames, bytes) else frames:
            self._carry(
                sender_controller, receiver, receiver.on_link_acl_data, connection.self_address, transport, frame
            )

    def send_ll_control_pdu(self, sender_address, receiver_address, packet):
        """Carry a control PDU in the same queue: else a disconnect overtakes the last key of a pairing."""
        sender = self.find_le_controller(sender_address)
        receiver = self.find_le_controller(receiver_address)
        if receiver is not None:
            self._carry(sender, receiver, receiver.on_ll_control_pdu, sender_address, packet)

    def _carry(self, sender, receiver, deliver, *args):
        way = (sender, receiver)
        arrives = max(self.loop.time() + self.hop_s, self._arrives_last.get(way, 0) + _FIFO_GAP_S)
        self._arrives_last[way] = arrives
        self.loop.call_at(arrives, self._arrive, receiver, deliver, args)

    def _arrive(self, receiver, deliver, args):
        if receiver in self.controllers:
            deliver(*args)

    def drop(self, a, b, reason: int = _REASON_TIMEOUT) -> None:
        """End the link between two controllers as a lost signal does: both sides learn it now."""
        for near, far in ((a, b), (b, a)):
            for connection in list(near.le_connections.values()):
                if connection.peer_address in (far.public_address, far.random_address):
                    near.on_le_disconnected(connection, reason)

    def silence(self, controller) -> None:
        """A controller loses power: it is gone at once, its peers notice after the supervision timeout."""
        self.controllers.remove(controller)
        for advertiser in [one for one in self.advertisers if one.controller is controller]:
            advertiser.stop()
        for connection in controller.le_connections.values():
            self.loop.call_later(SUPERVISION_S, self._notice_silence, connection.peer_address, connection.self_address)
        controller.le_connections.clear()
        for way in [way for way in self._arrives_last if controller in way]:
            del self._arrives_last[way]

    def _notice_silence(self, address, silent):
        peer = self.find_le_controller(address)
        connection = peer.le_connections.get(silent) if peer is not None else None
        if connection is not None:
            peer.on_le_disconnected(connection, _REASON_TIMEOUT)

    # -- advertising

    def listening(self) -> bool:
        """Whether anybody scans or initiates: else no advertisement needs to be sent."""
        return any(c.le_scan_enable or c.pending_le_connection for c in self.controllers)

    def start_listening(self) -> None:
        """A controller began to scan or initiate: let the dormant advertisers be heard again."""
        for advertiser in self.advertisers:
            advertiser.resume()

    def send_advertising_pdu(self, sender_controller, packet):
        """Give an advertisement or a connection request to all others."""
        if isinstance(packet, ll.AdvInd):
            self.adverts_sent += 1
        for controller in list(self.controllers):
            if controller is not sender_controller:
                self.loop.call_soon(self._arrive, controller, controller.on_ll_advertising_pdu, (packet,))

    def heard(self, controller) -> bool:
        """Whether a scanner hears one advertisement: the part of its interval that the window covers, less the loss."""
        window, interval = controller.le_scan_window, controller.le_scan_interval
        if window < interval and self.chance.random() >= window / interval:
            return False
        return self.advert_loss <= 0 or self.chance.random() >= self.advert_loss


class _OrderedSet(dict):
    """As much of a set as the link bus needs, in order of insertion."""

    def add(self, item) -> None:
        """Put `item` at the end."""
        self[item] = None

    def remove(self, item) -> None:
        """Take `item` out."""
        del self[item]


def address_of(text: str, public: bool = False) -> hci.Address:
    """A device address from its usual text."""
    return hci.Address(text, hci.Address.PUBLIC_DEVICE_ADDRESS if public else hci.Address.RANDOM_DEVICE_ADDRESS)
