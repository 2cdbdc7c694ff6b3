"""What a host must hold before anything else can run, and where it is found.

`deps` sets everything up (the only module that needs nothing but Python itself; `make` calls it). `interpreter` finds
MicroPython, `library` finds aioble and umqtt, `parts` knows by name whatever a test or command may need. `compile`
makes the image that goes on the chip, `budget` says how much of everything a hub has, `run_pure` runs the tests of
the pure code on MicroPython with that budget.

`cpython/` holds what CPython lacks for the firmware's pure code: `micropython.const`.
"""
