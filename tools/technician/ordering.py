"""`telehub order`: sign an order for a hub and put it into the platform's queue, or tell what came of those before."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.backend.keys import KeyProblem, Keyring, load_point
from tools.backend.orders import OrderQueue, QueueFull
from tools.backend.store import Store, StoreProblem
from tools.host.output import MissingPart, Output, WrongUse
from tools.inspect.order import ACTIONS, Field, decode_order
from tools.technician.order import BadOrder, Operator, Recipient
from tools.technician.programme import operator_key


def command(
    hub: Annotated[str, typer.Argument(help="its name, 12 hex digits")],
    action: Annotated[str, typer.Argument(help="one of: " + ", ".join(ACTIONS) + "; none: list the orders")] = "",
    arguments: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE of each; users as JSON")] = None,
    database: Annotated[str, typer.Option(help="the platform's")] = "",
    keys: Annotated[Path, typer.Option(help="the programme's folder, with operator.key")] = Path("keys"),
    hours: Annotated[float, typer.Option(help="how long the order is good")] = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Order a hub something. It is sent when the hub is there; what comes of it stands in the hub's next report."""
    output = Output(as_json)
    try:
        store = Store(database)
    except StoreProblem as problem:
        raise WrongUse(str(problem), "--database URL") from problem
    try:
        queue = OrderQueue(store)
        if action:
            _add(queue, hub, action, arguments or [], keys, hours)
        for one in queue.of(hub):
            output.line(one, f"{one['number']} {one['action']}: {one['result'] or 'waits'} {one['detail']}")
    finally:
        store.close()
    return output.summary("order", True, None, hub=hub)


def _add(queue: OrderQueue, hub: str, action: str, arguments: list[str], keys: Path, hours: float) -> None:
    try:
        operator, known = Operator(operator_key(keys)), Keyring.open(keys).hub(hub)
    except KeyProblem as problem:
        raise MissingPart("a key", str(problem)) from problem
    if known is None:
        raise WrongUse(f"{hub} is not registered", "telehub provision registers it")
    now_s = int(time.time())
    try:
        fields = {name: _value(action, name, text) for name, _, text in (one.partition("=") for one in arguments)}
        to = Recipient(hub, known.agreement)
        octets = operator.order(to, queue.next_number(hub), now_s + round(hours * 3600), action, fields)
        queue.add(decode_order(octets, lambda _: load_point(operator.point)), octets, now_s)
    except (BadOrder, QueueFull, ValueError) as problem:
        raise WrongUse(str(problem), "firmware/seal/FORMAT.md, section 6, has every argument") from problem


def _value(action: str, name: str, text: str) -> Any:
    """An argument as the order has it."""
    field: Field | None = ACTIONS.get(action, (0, {}))[1].get(name)
    kind = field.kind if field else str
    if kind is bytes:
        return bytes.fromhex(text.replace(":", ""))
    return int(text) if kind is int else json.loads(text) if kind is list else text
