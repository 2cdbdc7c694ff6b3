"""A witness of the hub's light: what the flash's cells held at each moment at which it changed."""

from tools.simulator.house import BUTTON_PIN, LIGHT_PIN, House

assert LIGHT_PIN != BUTTON_PIN
_PIN = 44  # the seam's call for pins (tools/simulator/air/board.py)


class LightWitness:
    """`early` holds the moments at which the light said "delivered" while the cells held something undelivered."""

    def __init__(self, house: House):
        self.words: list[tuple[float, str]] = []
        self.early: list[tuple[float, int]] = []
        pin = house.hub.services[_PIN]

        def watched(payload: bytes) -> bytes | None:
            before = house.light()
            answer: bytes | None = pin(payload)
            word = house.light()
            if payload[0] == LIGHT_PIN and word != before:
                self.words.append((house.loop.time(), word))
                waiting = house.journal().waiting() if word == "delivered" else 0
                if waiting:
                    self.early.append((house.loop.time(), waiting))
            return answer

        house.hub.services[_PIN] = watched

    def since(self, at_s: float) -> list[str]:
        """The words from that moment on, "off" and "ready" between two rhythms left out."""
        return [word for moment, word in self.words if moment >= at_s and word not in ("off", "ready")]

    def when(self, word: str, after_s: float) -> float:
        """The first moment after another at which it said this."""
        return next((moment for moment, said in self.words if moment >= after_s and said == word), float("inf"))
