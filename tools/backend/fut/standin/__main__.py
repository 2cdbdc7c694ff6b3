"""`python -m tools.backend.fut.standin`: a FUT on this machine for one context, until it is told to stop."""

import argparse
import json
from pathlib import Path

from tools.backend.fut import context
from tools.backend.fut.standin.desk import Desk
from tools.backend.fut.standin.faults import NAMES, Faults
from tools.backend.fut.standin.kept import Kept
from tools.backend.fut.standin.known import of_context
from tools.backend.fut.standin.serve import Server
from tools.backend.fut.standin.tokens import Tokens


def main() -> None:
    """Serve; the first line on stdout is its URL."""
    parser = argparse.ArgumentParser(description="A stand-in for FUT's measurement service")
    parser.add_argument("--context", type=Path, required=True, help="what FUT is to know, as for `telehub fhir`")
    parser.add_argument("--database", default=":memory:")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--client", default="telehub")
    parser.add_argument("--secret-file", type=Path, help="the client's secret; `standin` without it")
    parser.add_argument("--inactive", action="append", default=[], metavar="URL", help="a request that has ended")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow-s", type=float, default=1.0)
    parser.add_argument("--no-identifiers", action="store_true", help="keep no identifiers of others")
    for name in NAMES:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=0.0, metavar="SHARE")
    given = parser.parse_args()
    text = given.context.read_text()
    checked = context.read(text)
    secret = given.secret_file.read_text().strip() if given.secret_file else "standin"
    desk = Desk(
        of_context(json.loads(text), checked.tables, given.inactive),
        Kept(given.database),
        Tokens(given.client, secret),
        keeps_identifiers=not given.no_identifiers,
    )
    shares = {name: getattr(given, name) for name in NAMES if getattr(given, name)}
    with Server(desk, Faults(shares, given.seed), given.port, given.slow_s) as server:
        print(server.url, flush=True)
        server.join()


if __name__ == "__main__":
    main()
