"""`telehub decode`: octets of a characteristic become a line of JSON. All but command.py runs on MicroPython too.

What a hub measures is read by the hub's own decoders (drivers/); this room adds their words, and reads what a hub
passes over: features, clocks, control points, pressures on the way up.
"""
