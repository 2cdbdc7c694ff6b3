"""What one run of `telehub bench` was asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`names`: beginnings of figures' names, none for all."""

    seed: int = 1
    seeds: range = range(1, 3)
    names: tuple[str, ...] = ()

    def asks(self, figure: str) -> bool:
        """Whether this figure is wanted."""
        return not self.names or figure.startswith(self.names)

    def asks_room(self, room: str) -> bool:
        """Whether a figure of this room may be."""
        return not self.names or any(name.startswith(room) or room.startswith(name) for name in self.names)
