"""`python -m`: a package's __main__ is what multiprocessing does not run again in each process that it makes."""

import sys

from tools.simulator.fleet.kills.campaign import main

if __name__ == "__main__":
    sys.exit(main())
