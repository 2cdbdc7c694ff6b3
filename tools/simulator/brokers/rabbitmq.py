"""access.py's table as a RabbitMQ is told it: certificates required, their names the users, topics by the user's name.

RabbitMQ has no user that it was not told of: each hub is one, without a password (`definitions`), and a script makes
one more on a running node. A topic's slashes are dots there.

What it leaves open where Mosquitto does not: a client may call itself by another's client id, and RabbitMQ then ends
that other's connection (from 3.13 on `mqtt.ssl_cert_client_id_from` can forbid it). It gets nothing of the other's.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from tools.backend.amqp import QUEUE
from tools.backend.servers.ports import free_port
from tools.backend.servers.rabbitmq import RabbitMQ
from tools.host import parts
from tools.simulator.brokers import access
from tools.technician.ca import HUB_NAME, Authority, Identity

PLUGINS = ("rabbitmq_mqtt", "rabbitmq_auth_mechanism_ssl")
QUEUE_PORT = 5671  # AMQP under TLS, for the platform's workers (tools/backend/amqp.py)
_VHOST = "/"
_EXCHANGE = "amq.topic"
_HUB_TAKES = "|".join(access.TO_HUB)
_HUB_GIVES = "|".join(access.FROM_HUB)
_LOOPBACK = "127.0.0.1"
_ADD_S_MAX = 120  # four starts of Erlang on a busy machine


def settings(folder: Path, port: int, address: str = "", queue_port: int = QUEUE_PORT) -> dict[str, object]:
    """rabbitmq.conf for ca.pem, broker.pem, broker.key and definitions.json in `folder`."""
    return {
        "listeners.tcp": "none",
        "listeners.ssl.1": f"{address}:{queue_port}" if address else queue_port,
        "auth_mechanisms.1": "EXTERNAL",  # a certificate's name, and no password anywhere
        "mqtt.listeners.tcp": "none",
        "mqtt.listeners.ssl.1": f"{address}:{port}" if address else port,
        "ssl_options.cacertfile": folder / "ca.pem",
        "ssl_options.certfile": folder / "broker.pem",
        "ssl_options.keyfile": folder / "broker.key",
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
        "ssl_options.versions.1": "tlsv1.2",
        "ssl_cert_login_from": "common_name",
        "mqtt.ssl_cert_login": "true",
        "mqtt.allow_anonymous": "false",
        "mqtt.vhost": _VHOST,
        "mqtt.exchange": _EXCHANGE,
        "load_definitions": folder / "definitions.json",
    }


def write_config(path: Path, told: dict[str, object]) -> None:
    """A rabbitmq.conf."""
    path.write_text("".join(f"{name} = {value}\n" for name, value in told.items()))


def write_kit(folder: Path, port: int, hub: str) -> None:
    """What a RabbitMQ needs beside the certificates; it knows one hub, and a script tells it of more."""
    write_config(folder / "rabbitmq.conf", settings(folder.resolve(), port))
    (folder / "definitions.json").write_text(definitions([hub]))
    (folder / "rabbitmq-add-hub").write_text(add_hub_script())


def definitions(hubs: list[str]) -> str:
    """definitions.json: the platform, and these hubs."""
    names = [access.BACKEND, *hubs]
    told: dict[str, Any] = {
        "vhosts": [{"name": _VHOST}],
        # No password hash: nobody gets in but by a certificate.
        "users": [{"name": name, "password_hash": "", "tags": ""} for name in names],
        "permissions": [{"user": name, "vhost": _VHOST, **_queues(name)} for name in names],
        "topic_permissions": [
            {"user": name, "vhost": _VHOST, "exchange": _EXCHANGE, **_topics(name)} for name in names
        ],
    }
    return json.dumps(told, indent=1) + "\n"


def add_hub_script() -> str:
    """A program for sh that tells a running node of one more hub; `RABBITMQCTL` names another rabbitmqctl."""
    queues, topics = _queues("$1"), _topics("$1")
    told = (
        ["add_user", "$1", "unused"],
        ["clear_password", "$1"],
        ["set_permissions", "-p", _VHOST, "$1", *(queues[kind] for kind in ("configure", "write", "read"))],
        ["set_topic_permissions", "-p", _VHOST, "$1", _EXCHANGE, *(topics[kind] for kind in ("write", "read"))],
    )
    lines = ["#!/bin/sh", "# Tells RabbitMQ of a hub: sh rabbitmq-add-hub 24d7eb0a1b2c", "set -eu"]
    lines += ['echo "$1" | grep -Eqx "[0-9a-f]{12}" || { echo "12 hex digits, as on the label" >&2; exit 2; }']
    # In double quotes a backslash before a full stop is one, and a dollar at the end is one.
    lines += [" ".join(['"${RABBITMQCTL:-rabbitmqctl}"', *(f'"{word}"' for word in words)]) for words in told]
    return "\n".join(lines) + "\n"


def _queues(name: str) -> dict[str, str]:
    """A client has the queues of its subscriptions, which bear its client id, and the exchange."""
    own = f"^mqtt-subscription-{name}qos[01]$"
    if name == access.BACKEND:
        own += f"|^{QUEUE}$"
    return {"configure": own, "write": f"{own}|^amq\\.topic$", "read": f"{own}|^amq\\.topic$"}


def _topics(name: str) -> dict[str, str]:
    if name == access.BACKEND:
        anyone = HUB_NAME.pattern
        return {
            "write": f"^telehub\\.1\\.{anyone}\\.({_HUB_TAKES})$",
            "read": f"^telehub\\.1\\.({anyone}|\\*)\\.({_HUB_GIVES})$",
        }
    return {"write": f"^telehub\\.1\\.{name}\\.({_HUB_GIVES})$", "read": f"^telehub\\.1\\.{name}\\.({_HUB_TAKES})$"}


class Rabbit(RabbitMQ):
    """A throw-away node that knows these hubs; `port` is the one for MQTT under TLS."""

    def __init__(self, identity: Identity, authority: Authority, hubs: list[str]):
        super().__init__()
        self.ports["amqps"] = free_port()
        self._identity = identity
        self._authority = authority
        self._hubs = hubs

    plugins = PLUGINS

    @property
    def queue_url(self) -> str:
        """For `telehub backend --broker`, with certificates."""
        return f"amqps://{_LOOPBACK}:{self.ports['amqps']}"

    @property
    def port(self) -> int:
        """Where MQTT is spoken, with certificates."""
        return self.ports["mqtt"]

    def add(self, hub: str) -> None:
        """Tell the running node of one more."""
        ctl = Path(str(parts.need("rabbitmq"))).with_name("rabbitmqctl")
        env = {**self.env(), "RABBITMQCTL": str(ctl)}
        script = Path(self._folder.name) / "rabbitmq-add-hub"
        script.write_text(add_hub_script())
        subprocess.run(["sh", str(script), hub], env=env, check=True, capture_output=True, timeout=_ADD_S_MAX)

    def configure(self, folder: Path) -> None:
        """As the kit's, but on loopback, and with a door for AMQP there."""
        self._identity.save(folder, "broker")
        (folder / "ca.pem").write_bytes(self._authority.certificate_pem)
        (folder / "definitions.json").write_text(definitions(self._hubs))
        told = settings(folder, self.port, _LOOPBACK, self.ports["amqps"])
        del told["listeners.tcp"]
        quiet = {"listeners.tcp.1": f"{_LOOPBACK}:{self.ports['amqp']}", "log.console": "false"}
        write_config(folder / "rabbitmq.conf", {**told, **quiet, "disk_free_limit.absolute": "100MB"})
