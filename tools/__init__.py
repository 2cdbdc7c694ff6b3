"""What surrounds the hub, on CPython: the twin, the backend, the second reader, the technician's tools."""

import sys
from pathlib import Path

# The firmware's pure code imports `const` from here when no MicroPython supplies it.
sys.path.append(str(Path(__file__).parent / "host" / "cpython"))
