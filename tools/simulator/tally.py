"""What became of everything, counted: each proof has its own numbers, all add up alike."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Tally:
    """Numbers (and lists) of one try or run; a subclass adds its own."""

    lost: int = 0
    doubled: int = 0
    stuck: int = 0

    def add(self, other: "Tally") -> None:
        """Count both."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def facts(self, *names: str) -> dict[str, Any]:
        """The numbers of these names, in their order."""
        return {name: getattr(self, name) for name in names}


@dataclass
class Readings(Tally):
    """Where all readings of a home are, at the end."""

    taken: int = 0
    delivered: int = 0
    held: int = 0
    waiting: int = 0
    in_device: int = 0
    possible_repeats: int = 0
