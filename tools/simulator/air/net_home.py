"""The network as a hub at home finds it: a router with its DNS, a time server, and room for brokers."""

from collections.abc import Callable

from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.net import BROKER, NTP, Net
from tools.simulator.air.net_dns import DnsServer
from tools.simulator.air.net_ntp import NtpServer

BROKER_NAME = "broker.demo"  # what a demo hub is told, and what its broker's certificate says
NTP_NAME = "pool.ntp.org"  # ntptime's own default


class Home:
    """`net`, `dns` and `ntp` with names filled in. `unix_time` is the world's, in seconds."""

    def __init__(self, loop: VirtualLoop, unix_time: Callable[[], float]):
        self.net = Net(loop, unix_time)
        self.net.names.update({BROKER_NAME: BROKER, NTP_NAME: NTP})
        self.dns = DnsServer(self.net)
        self.ntp = NtpServer(self.net)
