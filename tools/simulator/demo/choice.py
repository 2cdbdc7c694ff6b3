"""Which broker the demo's house has: `--broker embedded`, `mosquitto`, or the URL of somebody's own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.backend.service import CLIENT, BadBroker, parse_broker
from tools.host import parts
from tools.host.output import WrongUse
from tools.simulator.air.net import Net
from tools.simulator.air.net_home import BROKER_NAME
from tools.technician import ca

EMBEDDED, MOSQUITTO = "embedded", "mosquitto"


@dataclass(frozen=True)
class Choice:
    """`options` are the house's (tools/simulator/house.py); `advice` helps when a broker is not usable."""

    word: str  # run.json's "broker"
    options: dict[str, Any]
    advice: str = ""


DEFAULT = Choice(EMBEDDED, {})


def check(broker: str, keys: Path | None) -> None:
    """WrongUse, before anything is started, when this can mean nothing; MissingPart when there is no Mosquitto."""
    if broker == MOSQUITTO:
        parts.need("mosquitto")
    if broker in (EMBEDDED, MOSQUITTO):
        if keys is not None:
            raise WrongUse("--broker-keys is for a broker of your own", "--broker mqtts://host[:port]")
        return
    try:
        secure = parse_broker(broker)[2]
    except BadBroker:
        secure = False
    if not secure:
        hint = f"--broker {EMBEDDED}, {MOSQUITTO}, or mqtts://host[:port]"
        raise WrongUse(f"{broker!r} is no broker that the demo knows", hint)
    if keys is None:
        raise WrongUse(
            "a broker of your own needs --broker-keys DIR",
            "DIR is made when it is not there: certificates, access list and mosquitto.conf for your broker",
        )


@contextmanager
def chosen(broker: str, keys: Path | None, seed: int) -> Iterator[Choice]:
    """The chosen one for as long as the `with` block lasts."""
    if broker == EMBEDDED:
        yield DEFAULT
        return
    from tools.simulator.brokers import kit
    from tools.simulator.brokers.mosquitto import Mosquitto
    from tools.simulator.brokers.outside import OutsideBroker

    def at(url: str, authority: ca.Authority, folder: Path, *more: Any) -> dict[str, Any]:
        def make(net: Net) -> OutsideBroker:
            return OutsideBroker(net, url, authority, folder, *more)

        return {"authority": authority, "broker": make}

    if broker == MOSQUITTO:
        authority = ca.Authority(ca.seeded(seed, "authority"))
        identity = authority.broker(BROKER_NAME, addresses=("127.0.0.1",))
        with tempfile.TemporaryDirectory(prefix="telehub-") as name, Mosquitto(identity, authority) as process:
            folder = Path(name)
            (folder / "ca.pem").write_bytes(authority.certificate_pem)
            authority.client(CLIENT).save(folder, CLIENT)
            yield Choice(MOSQUITTO, at(process.url, authority, folder, BROKER_NAME, process))
        return
    assert keys is not None  # see `check`
    authority = kit.prepare(keys, broker)
    advice = (
        f"set it up as {keys}/mosquitto.conf says (for Mosquitto: mosquitto -c {keys}/mosquitto.conf), and try again"
    )
    yield Choice(broker, at(broker, authority, keys, kit.hub_host(broker)), advice)
