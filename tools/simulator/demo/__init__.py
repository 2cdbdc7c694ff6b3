"""`telehub demo`: two days in a patient's home, told in the terminal and checked at the end.

`home` is the house (tools/simulator/house.py) with a kit and a patient, `choice` its broker; `story` is what happens
there; `screen` shows it and `books` closes it; `record` writes what a run leaves behind and decides whether it was
good; `picture` draws it. The same firmware files run as on the chip.
"""

from tools.simulator.demo.run import command

__all__ = ["command"]
