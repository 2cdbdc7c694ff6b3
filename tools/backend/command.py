"""`telehub backend`: the receiver as a service, with its page."""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.backend.amqp import BadQueue, QueueService, is_queue
from tools.backend.desks import collect_rarely
from tools.backend.fut.forward import BadForward, Forwarder
from tools.backend.health import HealthDesk
from tools.backend.keys import KeyProblem, Keyring
from tools.backend.receiver import Outcome, Receiver
from tools.backend.service import BadBroker, Service, parse_broker, tls_context
from tools.backend.store import STORED, Store, StoreProblem
from tools.backend.web.oidc import BadOidc
from tools.backend.web.oidc import read as read_provider
from tools.backend.web.serve import PageServer
from tools.backend.workers import WORKERS_MAX, Workers, end_with_parent
from tools.host.output import MissingPart, Output, WrongUse


def command(
    broker: Annotated[str, typer.Option(help="mqtts://HOST, or amqps://HOST for a queue; mqtt, amqp: without TLS")],
    database: Annotated[str, typer.Option(help="a file, sqlite:///file, or postgresql://host/name")],
    keys: Annotated[Path, typer.Option(help="platform-receipt.jwk, hubs/, ca.pem, backend.pem, backend.key")],
    fut: Annotated[Path | None, typer.Option(help="send on to FUT, as this file says (fut/forward.py)")] = None,
    page: Annotated[str, typer.Option(help="HOST:PORT of the pages; who looks logs in")] = "",
    oidc: Annotated[Path | None, typer.Option(help="login by OpenID Connect, as this file says (web/oidc.py)")] = None,
    workers: Annotated[int, typer.Option(min=1, max=WORKERS_MAX, help="processes that share the letters")] = 1,
    worker: Annotated[int, typer.Option(min=0, max=WORKERS_MAX, hidden=True)] = 0,
    quiet: Annotated[bool, typer.Option(help="no line for what is simply stored; with thousands of hubs")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Receive envelopes from a broker, store them, answer with receipts, until it is told to stop."""
    output = Output(as_json)
    tally = _Tally(output, quiet)
    log = _told_to_parent(output, worker) if worker else output.log
    with ExitStack() as stack:
        try:
            secure = broker.startswith("amqps://") if is_queue(broker) else parse_broker(broker)[2]
            keyring = Keyring.open(keys)
            store = Store(database)
            stack.callback(store.close)
            tls = tls_context(keys, worker) if secure else None
            make = QueueService if is_queue(broker) else partial(Service, worker=worker)
            service = make(
                broker, Receiver(store, keyring, tally.count), HealthDesk(store, keyring), tls=tls, log=log
            )
        except (BadBroker, BadQueue) as problem:
            raise WrongUse(str(problem), "--broker mqtts://host") from problem
        except KeyProblem as problem:
            raise MissingPart("the platform's receipt key", str(problem)) from problem
        except StoreProblem as problem:
            raise WrongUse(str(problem), "--database FILE") from problem
        except OSError as problem:  # ssl's errors are OSErrors
            raise MissingPart("the platform's TLS identity", f"{keys}: {problem}") from problem
        if fut is not None:
            try:
                stack.enter_context(Forwarder(database, fut, output.log))
            except BadForward as problem:
                raise WrongUse(str(problem), "--fut FILE") from problem
        if page:
            try:
                provider = read_provider(oidc) if oidc else None
            except BadOidc as problem:
                raise WrongUse(str(problem), "--oidc FILE") from problem
            pages = PageServer(database, *_address(page), guarded=True, provider=provider)
            output.log(f"page: {stack.enter_context(pages).url}")
            if pages.first_url:
                output.log(f"the first administrator is named at {pages.first_url}")
        collect_rarely()
        if worker:
            end_with_parent()
        if workers > 1:
            arguments = ["--broker", broker, "--database", database, "--keys", str(keys)]
            arguments += ["--quiet"] if quiet else []
            Workers(workers, arguments, tally.hear, output.log).run(_stop_event())
        elif isinstance(service, QueueService):
            service.run(_stop_event())
        else:
            asyncio.run(_until_told(service))
    return output.summary("backend", True, None, **tally.totals)


class _Tally:
    """Says what became of each envelope (never what it measured), and counts."""

    def __init__(self, output: Output, quiet: bool) -> None:
        self._output, self._quiet = output, quiet
        self.totals = {"stored": 0, "held": 0, "repeats": 0, "unanswered": 0, "readings": 0}

    def count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            kept = outcome.envelope
            status = "refused" if kept is None else kept.status
            self.totals[
                "repeats" if outcome.repeat else status if status in self.totals else "unanswered"
            ] += 1
            self.totals["readings"] += outcome.readings
            if self._quiet and status == STORED:
                continue
            line: dict[str, Any] = {"hub": outcome.hub, "status": status, "repeat": outcome.repeat}
            if kept is not None:
                line |= {"chain": kept.chain, "sequence": kept.sequence, "envelope": kept.hash}
                line |= {"reason": kept.reason, "detail": kept.detail, "readings": outcome.readings}
            self._output.line(line, _text(line))

    def hear(self, line: dict[str, Any]) -> None:
        """What a worker's process says."""
        if "summary" in line:
            for name in self.totals:
                self.totals[name] += line[name]
        elif "status" in line:
            self._output.line(line, _text(line))


def _text(line: dict[str, Any]) -> str:
    number = f" {line['chain']} {line['sequence']}" if line.get("chain") else ""
    reason = f" ({line['reason']}: {line['detail']})" if line.get("reason") else ""
    return f"{line['hub']}{number} {line['status']}{' again' if line['repeat'] else ''}{reason}"


def _told_to_parent(output: Output, worker: int) -> Callable[[str], None]:
    """A worker's log, whose parent hears on stdout that it is with the broker."""

    def log(text: str) -> None:
        output.log(f"worker {worker}: {text}")
        if text.endswith(": connected"):
            output.line({"worker": worker, "connected": True})

    return log


def _stop_event() -> threading.Event:
    """Set by SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


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
