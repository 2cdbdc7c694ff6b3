"""`telehub campaign`: thousands of months at home, each with its own faults, judged from outside.

`runs` lives through one seed and says what came of it, `books` adds up many, `minimise` finds the fewest classes of
faults that still fail. A run's seed and classes are the whole of it: the same line replays it, octet for octet.
"""

from tools.simulator.campaign.command import command

__all__ = ["command"]
