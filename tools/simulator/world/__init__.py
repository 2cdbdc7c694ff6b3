"""A home in virtual time, fast enough for years of it: the hub's own logic on CPython, everything else around it.

    world = World(scenario)      # tools/simulator/scenario.py: who lives here, what happens when, all from one seed
    result = world.live()        # what came of it, judged from outside (checks.py)

What is production code here: firmware/hub.py and all that it drives (listening, visiting, delivery, sealing,
timekeeping, health, the journal, visits, the uplink's session and receipts), and the platform's receiver, health desk
and store.
What is not: firmware/board. In its place stand `chip` (light, button, watchdog, chance, allocator), `radio`, `line` and
`flash`, which keep the same contracts (firmware/contracts.py) and can be told to fail. `devices` have the habits and
encoders of tools/simulator/devices without their Bluetooth stack.

A quiet stretch is leapt: when nothing is under way, time jumps to the next thing that happens, and every timer that was
due meanwhile fires at once, as on a chip that was held up for so long (the watchdog is told). What is lived through in
full is everything from a minute before each event until all is quiet again, and some stretches that the seed chooses.
"""
