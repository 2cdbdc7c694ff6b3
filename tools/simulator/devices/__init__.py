"""Virtual medical devices on Bumble, behaving as the real ones do; their displays are a run's truth.

A device is made in a world, started once, and then used as a person uses it:

    cuff = Ua651ble(world, "c0:a1:b2:c3:d4:e5")
    await cuff.start()
    cuff.pairing_mode()                  # the user holds the button: advertises for pairing, without data
    cuff.press(patient.blood_pressure()) # the display shows a result; the device stores it and advertises
    cuff.taken                           # what the display showed, one dict per reading, as in taken.jsonl
    cuff.unsent()                        # what is still only in its memory
    cuff.is_bonded(), cuff.is_sending()  # and cuff.link is None when nobody is connected
    cuff.listeners.append(hear)          # hear("indicate", 1): each note of cuff.log, as it is made
    cuff.remove_battery()                # the clock is lost
    cuff.faults.drop_at = 3              # faults.Faults: what is wrong with it

Between presses it is switched off: no advertising, no timers. `encode` writes values without drivers/, so
that a decoder is checked by a second hand; `readings` holds the values. Behaviour is what the services'
specifications ask, and what others saw of these models and published. No real device was at hand.
`twins` has a virtual twin for each row of drivers/: look there first.

`world` is anything with `loop` (a virtual asyncio loop), `link`, `seed`, `time()` (Unix seconds, virtual).
"""

from tools.simulator.devices.base import MedicalDevice, joined_taken
from tools.simulator.devices.blood_pressure import Ua651ble
from tools.simulator.devices.faults import Faults
from tools.simulator.devices.nonin3230 import Nonin3230
from tools.simulator.devices.oximeter import Oximeter
from tools.simulator.devices.readings import Patient, Reading
from tools.simulator.devices.scales import Uc352ble

__all__ = [
    "Faults",
    "MedicalDevice",
    "Nonin3230",
    "Oximeter",
    "Patient",
    "Reading",
    "Ua651ble",
    "Uc352ble",
    "joined_taken",
]
