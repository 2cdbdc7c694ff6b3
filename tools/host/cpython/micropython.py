"""What CPython lacks of the micropython module, so that the firmware's pure code runs on both interpreters."""


def const(value):
    """Return the value: on MicroPython the compiler folds it."""
    return value
