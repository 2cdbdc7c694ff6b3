"""`telehub bench`: what the hub costs, measured on the twin: figures against their targets.

One file a kind of figure: `stories` (the demo, many seeds), `days` (wall time of a simulated day), `heap`, `callback`
(its C stack), `visits` (how soon and how surely a device is read), `flash_and_air` (octets programmed and sent per
reading); those of code are `telehub size`'s.
"""

from tools.host.bench.command import command

__all__ = ["command"]
