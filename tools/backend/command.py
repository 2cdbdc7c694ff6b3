"""`telehub backend`: the receiver as a service, with its page."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from tools.backend.fut.forward import BadForward, Forwarder
from tools.backend.health import HealthDesk
from tools.backend.keys import KeyProblem, Keyring
from tools.backend.receiver import Outcome, Receiver
from tools.backend.service import BadBroker, Service, parse_broker, tls_context
from tools.backend.store import Store, StoreProblem
from tools.backend.web.serve import PageServer
from tools.host.output import MissingPart, Output, WrongUse


def command(
    broker: Annotated[str, typer.Option(help="mqtts://host[:port]; mqtt:// is without TLS")],
    database: Annotated[str, typer.Option(help="a file, sqlite:///file, or postgresql://host/name")],
    keys: Annotated[Path, typer.Option(help="platform-receipt.jwk, hubs/, ca.pem, backend.pem, backend.key")],
    fut: Annotated[Path | None, typer.Option(help="send on to FUT, as this file says (fut/forward.py)")] = None,
    page: Annotated[str, typer.Option(help="HOST:PORT of the live page; it asks for no login")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Receive envelopes from a broker, store them, answer with receipts, until it is told to stop."""
    output = Output(as_json)
    tally = _Tally(output)
    with ExitStack() as stack:
        try:
            secure = parse_broker(broker)[2]
            keyring = Keyring.open(keys)
            store = Store(database)
        except BadBroker as problem:
            raise WrongUse(str(problem), "--broker mqtts://host") from problem
        except KeyProblem as problem:
            raise MissingPart("the platform's receipt key", str(problem)) from problem
        except StoreProblem as problem:
            raise WrongUse(str(problem), "--database FILE") from problem
        stack.callback(store.close)
        try:
            tls = tls_context(keys) if secure else None
        except OSError as problem:  # ssl's errors are OSErrors
            raise MissingPart("the platform's TLS identity", f"{keys}: {problem}") from problem
        if fut is not None:
            try:
                stack.enter_context(Forwarder(database, fut, output.log))
            except BadForward as problem:
                raise WrongUse(str(problem), "--fut FILE") from problem
        if page:
            url = stack.enter_context(PageServer(database, *_address(page))).url
            output.log(f"page: {url}")
        service = Service(
            broker, Receiver(store, keyring, tally.count), HealthDesk(store, keyring), tls=tls, log=output.log
        )
        asyncio.run(_until_told(service))
    return output.summary("backend", True, None, **tally.totals)


class _Tally:
    """Says what became of each envelope (never what it measured), and counts."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.totals = {"stored": 0, "held": 0, "repeats": 0, "unanswered": 0, "readings": 0}

    def count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            kept = outcome.envelope
            status = "refused" if kept is None else kept.status
            self.totals[
                "repeats" if outcome.repeat else status if status in self.totals else "unanswered"
            ] += 1
            self.totals["readings"] += outcome.readings
            line: dict[str, object] = {"hub": outcome.hub, "status": status, "repeat": outcome.repeat}
            if kept is not None:
                line |= {"chain": kept.chain, "sequence": kept.sequence, "envelope": kept.hash}
                line |= {"reason": kept.reason, "detail": kept.detail, "readings": outcome.readings}
            self._output.line(line, _text(outcome, status))


def _text(outcome: Outcome, status: str) -> str:
    kept = outcome.envelope
    number = f" {kept.chain} {kept.sequence}" if kept is not None and kept.chain else ""
    reason = f" ({kept.reason}: {kept.detail})" if kept is not None and kept.reason else ""
    return f"{outcome.hub}{number} {status}{' again' if outcome.repeat else ''}{reason}"


def _address(page: str) -> tuple[str, int]:
    host, mark, port = page.rpartition(":")
    if not mark or not host or not port.isdigit() or int(port) > 65535:
        raise WrongUse(f"{page} is no HOST:PORT", "--page 127.0.0.1:8080")
    return host.strip("[]"), int(port)


async def _until_told(service: Service) -> None:
    """Serve until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(service.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
