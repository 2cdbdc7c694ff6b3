"""Power-up: choose the application's slot, keep it or go back, start the watchdog; main.py runs next. Nothing else.

An application lies in a partition of its own, `app_a` or `app_b`, mounted at /app. Which one runs stands in one value
of NVS, written whole: which slot is kept, which is on trial, and how many boots have passed since the hub last worked.
An update is on trial for a few boots. What is kept has more of them; then the other slot has as many, in turn, for as
long as nothing works: nobody can open a hub on a wall. A board without slots runs what lies in its root (a bench).
"""

import os
import sys
import time

import esp32
import machine
import vfs

TRIAL_BOOTS = 3  # an update that has not worked by then never will
KEPT_BOOTS = 5  # plugs are pulled, supplies are weak: a few bad starts are nobody's fault
RECOVERY_BOOTS = 2 * KEPT_BOOTS  # both slots had their turn: it is not the code, or all of it
_SLOW_MS = 20_000  # between boots then: flash and supply are spared
_WATCHDOG_MS = 60_000  # as the application's own; an import that hangs is bitten
_LABELS = ("app_a", "app_b")
_BOOTS_MAX = 60_000
_NAMESPACE, _KEY = "telehub", "boot"
_OCTETS = 6  # kept, trial (0: none, else the slot plus one), undone (the same), a spare, boots in two octets


class Slots:
    """What NVS says of the slots. `running` is the one that runs: 0, 1, or None on a board without any."""

    def __init__(self, running=None):
        self.running = running
        self.enrolled = False  # the value is there: somebody's hub, and not a board on a bench
        self.kept = self._trial = self.undone = self.boots = 0
        value = bytearray(_OCTETS)
        self._nvs = esp32.NVS(_NAMESPACE)
        try:
            if self._nvs.get_blob(_KEY, value) == _OCTETS:
                self.enrolled = True
                self.kept, self._trial, self.undone = value[0] & 1, value[1] % 3, value[2] % 3
                self.boots = value[4] | value[5] << 8
        except OSError:
            pass

    @property
    def on_trial(self):
        """Whether what runs has yet to prove good."""
        return self._trial != 0 and self._trial - 1 == self.running

    @property
    def spare(self):
        """The label of the partition for the next update; None on a board without slots."""
        return None if self.running is None else _LABELS[1 - self.running]

    @property
    def failing(self):
        """Whether both slots had their turn, and nothing has worked since."""
        return self.boots > RECOVERY_BOOTS

    def choose(self):
        """Count this boot; return the slots in the order in which they shall be tried."""
        if self._trial and self._trial - 1 == self.kept:
            self._trial = 0
        if self._trial and self.boots >= TRIAL_BOOTS:
            self.undone, self._trial, self.boots = self._trial, 0, 0
        if self._trial:
            slot = self._trial - 1
        else:
            slot = (self.kept + self.boots // KEPT_BOOTS) & 1
        self.boots = min(self.boots + 1, _BOOTS_MAX)
        if self.enrolled:
            self._save()
        return slot, 1 - slot

    def worked(self):
        """The hub has been at work for a while: what runs is kept, unless it is on trial.

        An update whose slot could not even be mounted is undone with that.
        """
        if self.running is not None and not self.on_trial and (self.boots or self.kept != self.running):
            if self._trial:
                self.undone, self._trial = self._trial, 0
            self.kept, self.boots = self.running, 0
            self._save()

    def proved(self):
        """The platform has answered what runs: from now on it is kept."""
        if self.on_trial:
            self.kept, self._trial, self.boots = self.running, 0, 0
            self._save()

    def keep(self, slot):
        """Enrolment's last step: this slot is the hub's."""
        self.kept, self._trial, self.undone, self.boots = slot, 0, 0, 0
        self._save()

    def try_spare(self):
        """At the next boot the spare slot is on trial."""
        self._trial, self.undone, self.boots = 2 - self.running, 0, 0
        self._save()

    def told(self):
        """People know that an update was undone."""
        if self.undone:
            self.undone = 0
            self._save()

    def _save(self):
        value = bytes((self.kept, self._trial, self.undone, 0, self.boots & 0xFF, self.boots >> 8))
        self._nvs.set_blob(_KEY, value)
        self._nvs.commit()
        self.enrolled = True


def rooted():
    """Mount the file system of settings, keys and bonds where the image has not done so. Never format it."""
    for partition in esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs"):
        file_system = vfs.VfsLfs2(partition)
        try:
            vfs.mount(file_system, "/")
        except OSError:
            pass  # the stock image's own start has done it


def mounted(slot):
    """Mount a slot's application; False when there is none that can be read."""
    for partition in esp32.Partition.find(esp32.Partition.TYPE_DATA, label=_LABELS[slot]):
        try:
            vfs.mount(vfs.VfsLfs2(partition), "/app", readonly=True)
        except OSError:
            return False
        try:
            os.stat("/app/main.py")
            return True
        except OSError:
            vfs.umount("/app")
    return False


def start():
    """Put the application where main.py is looked for; return its slot, None when it lies in the root."""
    slots = Slots()
    if slots.enrolled:
        watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        if slots.boots >= RECOVERY_BOOTS:
            time.sleep_ms(_SLOW_MS)
            watchdog.feed()
    order = slots.choose()
    try:
        rooted()
    except OSError:
        if not slots.enrolled:
            return None  # a new board: its prompt is wanted
        machine.reset()  # not readable now; it may be next time, and nothing can be done without it
    for slot in order:
        if mounted(slot):
            sys.path[:0] = ["/app", "/app/lib"]
            os.chdir("/app")  # where MicroPython looks for main.py
            return slot
    return None


if __name__ == "__main__":  # the application imports this file for Slots alone
    slot = start()
    del Slots, rooted, mounted, start  # main.py goes on in these very names, and the heap is its
