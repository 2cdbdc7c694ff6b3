"""A board as a technician's computer sees it: a serial line; behind it the twin's prompt or the ROM's loader answers.

cable.py is the line (a pseudo-terminal that can be pulled), console.py the chip's end of it in MicroPython, rom.py the
loader in the chip's ROM, workbench.py a table full of
boards, and `python -m tools.simulator.board` keeps one for a terminal.
A pseudo-terminal carries no reset lines: a board gets its power when its cable is put in, and loses it with it.
"""
