"""Who may do what, by the name in the client's certificate: the one table that every broker here enforces."""

import re

from tools.technician.ca import HUB_NAME

BACKEND = "backend"  # the name in the platform's certificate
# With several workers each needs a name of its own, since a broker has one session for each.
BACKENDS = (BACKEND, *(f"{BACKEND}-{worker}" for worker in range(2, 9)))
_PREFIX = "telehub/1"
FROM_HUB = ("up", "health")
TO_HUB = ("receipt", "order")

_ANY_HUB = rf"({HUB_NAME.pattern}|\+)"
_BACKEND_SUBSCRIBES = re.compile(rf"{_PREFIX}/{_ANY_HUB}/({'|'.join(FROM_HUB)})")
_BACKEND_PUBLISHES = re.compile(rf"{_PREFIX}/{HUB_NAME.pattern}/({'|'.join(TO_HUB)})")


def topic(hub: str, last: str) -> str:
    """`telehub/1/<hub>/<last>`."""
    return f"{_PREFIX}/{hub}/{last}"


def may_connect(name: str | None) -> bool:
    """Whether a certificate of the programme's authority with this name belongs to a client."""
    return name is not None and (name in BACKENDS or HUB_NAME.fullmatch(name) is not None)


def may_publish(name: str, to: str) -> bool:
    """Whether `name` may publish to the topic `to`."""
    if name in BACKENDS:
        return _BACKEND_PUBLISHES.fullmatch(to) is not None
    return to in [topic(name, last) for last in FROM_HUB]


def may_subscribe(name: str, topics: str) -> bool:
    """Whether `name` may subscribe to the filter `topics`."""
    if name in BACKENDS:
        return _BACKEND_SUBSCRIBES.fullmatch(topics) is not None
    return topics in [topic(name, last) for last in TO_HUB]


def mosquitto_acl() -> str:
    """The same table as Mosquitto's acl_file; %u is the certificate's name (use_identity_as_username)."""
    lines = []
    for name in BACKENDS:
        lines += [f"user {name}"]
        lines += [f"topic read {_PREFIX}/+/{last}" for last in FROM_HUB]
        lines += [f"topic write {_PREFIX}/+/{last}" for last in TO_HUB]
    lines += [f"pattern write {_PREFIX}/%u/{last}" for last in FROM_HUB]
    lines += [f"pattern read {_PREFIX}/%u/{last}" for last in TO_HUB]
    return "\n".join(lines) + "\n"
