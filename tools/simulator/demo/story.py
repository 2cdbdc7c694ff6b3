"""Two days at home, in chapters. Every wait has a limit; what is not delivered by the end fails the run."""

from dataclasses import dataclass

_ENROL_S = 120
_PAIR_S = 180
_READING_S = 45  # from a press to the device's hanging up
_DELIVERED_S = 900  # a handshake waits for a minute of quiet, a backoff for up to five
_HOUR_S = 3600


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str


ENROL = Chapter(
    "A hub out of its box",
    "The hub is blank. It makes its own keys, asks for certificates, and takes its list of devices. Someone presses its"
    " button: for five minutes, listed devices may be paired with it.",
)
MORNING = Chapter(
    "A morning at home",
    "Each reading goes to the hub's flash before its device may forget it. It is signed, sent, checked and stored; the"
    " platform's receipt comes back; only now does the light say: delivered.",
)
AWAY = Chapter(
    "The network goes away",
    "The router is dead. People measure all the same. The readings are kept, and the light says so.",
)
PLUG = Chapter(
    "The plug is pulled",
    "In the middle of writing a reading to flash, the power goes. The device was not told that its reading is kept, so"
    " it still has it.",
)
BACK = Chapter(
    "Power and network return",
    "What was kept is sent, oldest first. Then the broker restarts in the midst of it.",
)
END = Chapter("The next morning", "One more reading of each, and the books are closed.")


async def tell(home, screen) -> None:
    """Live through it."""
    screen.chapter(ENROL.title, ENROL.text)
    await home.set_up()
    home.power_on()
    await home.until(home.connected, _ENROL_S, "the hub reaches its platform")
    await home.sleep(5)
    home.press_button()
    for device in home.devices:
        await home.pair(device, _PAIR_S)
    await home.sleep(600)  # the window lapses

    screen.chapter(MORNING.title, MORNING.text)
    for device in home.devices:
        await home.measure(device, _READING_S)
    await home.until(home.all_delivered, _DELIVERED_S, "everything is delivered")

    screen.chapter(AWAY.title, AWAY.text)
    await home.sleep(11 * _HOUR_S)
    home.network(False)
    await home.sleep(60)
    for device in home.devices:
        await home.measure(device, _READING_S)
    await home.sleep(1200)

    screen.chapter(PLUG.title, PLUG.text)
    await home.measure_and_pull_the_plug(home.devices[0], _READING_S)
    await home.sleep(420)

    screen.chapter(BACK.title, BACK.text)
    home.power_on()
    await home.sleep(90)
    await home.measure(home.devices[0], _READING_S)  # this one brings along what was not confirmed
    home.mark()
    home.network(True)
    await home.until(home.delivering, _DELIVERED_S, "the backlog moves")
    await home.restart_broker()
    await home.until(home.all_delivered, 2 * _DELIVERED_S, "everything is delivered")
    screen.snapshot()

    screen.chapter(END.title, END.text)
    await home.sleep(10 * _HOUR_S)
    for device in home.devices:
        await home.measure(device, _READING_S)
    await home.until(home.all_delivered, _DELIVERED_S, "everything is delivered")
    await home.sleep(30)
