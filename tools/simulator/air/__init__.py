"""The air: clock, radio, network and all peers in one CPython process; each hub is a MicroPython process.

**Lock step.** Either one hub runs and the air is blocked in a read, or all hubs wait and the air runs. So what happens
depends on the seed alone.

How the other rooms plug in:

- `clock.VirtualLoop(pace=0, ceiling_s=inf)`: the asyncio loop. `loop.time()` is virtual seconds. Unexpected errors in
  callbacks and tasks end the run; `loop.fail(error)` does so by hand. `loop.outside += 1` while somebody waits for a
  real socket: time then passes at most as fast as the real clock.
- `hub.Hub`: one chip. `hub.services[op] = callable(payload) -> octets or None`; raise `OSError(number)` to refuse. A
  generator may stand in for the callable's result: it yields `hub.Busy(ms)` (Bluetooth events queue meanwhile),
  `hub.Pause(ms)` (they come in between) or `hub.Event(code, payload)` (delivered inside the call; its result comes
  back), and returns the octets. Ops: 1-39 Bluetooth, 40-49 machine, 50-69 network, 70-79 UDP, 80-89 Wi-Fi, 100-119
  flash and NVS, 120-129 tests; 240-255 are the seam's own (process.py).
- `hub.notify(code, payload)`: an event for `_seam.on(code, handler)` on the hub. Codes: 1-49 Bluetooth, 64 pins, 80
  Wi-Fi, 128 and up for others. Events of one hub stay in order and wait while the hub is busy.
- `hub.wake()`: let the hub's present wait return, so that it polls its objects again (a socket became readable).
- `hub.on_power`: callables told True when the chip starts and False when it loses power or resets.
- `controller.make_device(link, name, address, public=None)`: a Bumble Device on the link, ready for `power_on()`.
- `link.Link`: latency, loss, `fault`, `drop`. `world.World` joins all this.

On the hub: `_seam.call(op, payload) -> octets`, `_seam.transfer(frame, octets, into)` (no allocation), `_seam.wait`,
`_seam.on(code, handler)`, `_seam.charge(name)`, `_seam.now` (ms). A stream object for `select` needs `ioctl(3, flags)`
only; an object without `ioctl` (a TLS socket) is left to the real C poll.
"""
