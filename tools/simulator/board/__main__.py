"""`python -m tools.simulator.board [COUNT]`: boards on a table, for a terminal beside this one; Ctrl-C clears it."""

import argparse

from tools.simulator.board.workbench import Workbench


def main() -> None:
    """Put them there, say where, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulator.board", description="Simulated boards.")
    parser.add_argument("count", nargs="?", type=int, default=1, help="how many")
    with Workbench() as bench:
        bench.add(parser.parse_args().count)
        for board in bench.boards:
            print(f"{board.hub.name}  --port {board.path}", flush=True)
        try:
            bench.stay()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
