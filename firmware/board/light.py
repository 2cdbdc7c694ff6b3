"""The hub's light and button."""

import machine
from micropython import const

from firmware.board.ticks import Ticks

# Settings name other pins ("pins": {"light": 5, "button": 4}); boards differ, and many S3 boards have no plain LED.
_LIGHT_PIN = const(2)  # the LED of most ESP32 development boards
_BUTTON_PIN = const(0)  # the BOOT button: pressed pulls low
_DUTY_MAX = const(65535)


class Light:
    """Shows one rhythm at a time; the PWM hardware keeps it."""

    def __init__(self, pin: "int | None" = None):
        self._pin = machine.Pin(_LIGHT_PIN if pin is None else pin, machine.Pin.OUT)
        self._pwm = None
        self._shown = None

    def show(self, hertz: int, percent_on: int) -> None:
        """Blink at `hertz`, on for `percent_on` of each period; 0 Hz: steady."""
        if (hertz, percent_on) == self._shown:
            return
        self._shown = (hertz, percent_on)
        if self._pwm is not None:
            self._pwm.deinit()
            self._pwm = None
        if hertz:
            self._pwm = machine.PWM(self._pin, freq=hertz, duty_u16=_DUTY_MAX * percent_on // 100)
        else:
            self._pin.value(1 if percent_on else 0)


class Button:
    """Sets `pressed` when the button goes down."""

    def __init__(self, pin: "int | None" = None):
        self.pressed = Ticks.flag()
        self._pin = machine.Pin(_BUTTON_PIN if pin is None else pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._pin.irq(self._down, machine.Pin.IRQ_FALLING)

    def _down(self, _pin):
        self.pressed.set()
