"""`python -m tools.simulator.board [COUNT] [--new]`: boards on a table until Ctrl-C, for another terminal."""

import argparse

from tools.simulator.board.rom import Fitted
from tools.simulator.board.workbench import Workbench


def main() -> None:
    """Put them there, say where, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulator.board", description="Simulated boards.")
    parser.add_argument("count", nargs="?", type=int, default=1, help="how many")
    parser.add_argument("--new", action="store_true", help="as they come from the box: `telehub flash` is first")
    chosen = parser.parse_args()
    with Workbench() as bench:
        bench.add(chosen.count, fitted=Fitted() if chosen.new else None)
        for board in bench.boards:
            print(f"{board.hub.name}  --port {board.path}", flush=True)
        try:
            bench.stay()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
