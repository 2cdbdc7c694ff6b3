"""A MicroPython for QEMU's Xtensa machine, to count instructions of what runs on the chip."""
