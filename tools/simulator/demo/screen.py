"""The story on the terminal: what the people at home see, and what travels. Live on a terminal, else lines.

Made for 80 columns and 24 lines, the least that a terminal has.
"""

import time
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_LINES_KEPT, _LINES_MIN, _LINES_AROUND = 9, 4, 18  # of the story; around it stand the other panels
_WIDTH_MAX = 100  # longer lines are no easier to read
_FRAME_S = 0.08  # of wall time: a dozen pictures a second is what an eye needs
_READING_S, _ENDING_S = 2.2, 1.5  # of wall time: a chapter's text, and its last lines, are read in this
_LIGHTS = {
    "ready": ("green", "●  steady"),
    "visiting": ("blue", "◍◍◍◍◍  quick"),
    "kept": ("yellow", "◐ ◐  slow, even"),
    "delivered": ("green", "●●●◌  on, winking"),
    "waiting": ("yellow", "◌◌◌●  short flashes"),
    "help": ("red", "◌●◌●  fast flashes"),
    "off": ("bright_black", "○  dark"),
}


class Screen:
    """Gets told what happened; shows it when somebody is looking."""

    def __init__(self, console: Console, live: bool, quiet: bool = False):
        self._console = console
        self._quiet = quiet
        self.page = ""  # the platform's, where it can be seen
        self.snapshots: list[RenderableType] = []
        room = console.height - _LINES_AROUND if live else _LINES_KEPT
        self._kept = max(_LINES_MIN, min(_LINES_KEPT, room))
        self._lines: list[Text] = []
        self._title = ""
        self._text = ""
        self._home: Any = None
        self._drawn = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if live else None

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        live, self._live = self._live, None
        if live:
            live.stop()

    @property
    def live(self) -> bool:
        """Whether a person is watching, so that things should take their time."""
        return self._live is not None

    def watch(self, home) -> None:
        """The home to draw."""
        self._home = home

    def chapter(self, title: str, text: str) -> None:
        """A new part of the story begins."""
        if self._live and self._lines:
            self.draw(True)
            time.sleep(_ENDING_S)
        self._title, self._text = title, text
        self._lines.clear()
        if self._live:
            self.draw(True)
            time.sleep(_READING_S)
        elif not self._quiet:
            self._console.print(f"\n[bold]{title}[/bold]\n{text}")

    def say(self, when_s: float, what: str, style: str = "") -> None:
        """One thing happened at a moment of the home's time."""
        clock = datetime.fromtimestamp(when_s, UTC).strftime("%a %H:%M:%S")
        line = Text.assemble((clock + "  ", "bright_black"), (what, style))
        self._lines = [*self._lines[1 - self._kept :], line]
        if self._live:
            self.draw(True)
        elif not self._quiet:
            self._console.print(line)

    def snapshot(self) -> None:
        """Keep the present moment for a picture of the run."""
        self.snapshots.append(self.picture())

    def draw(self, now: bool = False) -> None:
        """Show the present moment, at most so many times a second."""
        if not self._live or self._home is None:
            return
        if not now and time.monotonic() - self._drawn < _FRAME_S:
            return
        self._drawn = time.monotonic()
        self._live.update(self.picture(), refresh=True)

    def picture(self) -> RenderableType:
        """The present moment, as it is shown."""
        home = self._home
        clock = datetime.fromtimestamp(home.time(), UTC).strftime("%A %d %B, %H:%M:%S UTC")
        light = home.light()
        colour, rhythm = _LIGHTS[light]
        house = Table.grid(padding=(0, 2))
        house.add_row("light", Text(f"{rhythm}", style=colour), Text(light, style=f"bold {colour}"))
        house.add_row("hub", home.hub_words(), "")
        house.add_row("network", home.network_words(), "")
        if self.page:
            house.add_row("page", self.page, "")
        counts = Table(box=None, padding=(0, 2), header_style="bright_black")
        for title in ("device", "taken", "kept", "delivered", ""):
            counts.add_column(title, justify="left" if title in ("device", "") else "right")
        for row in home.counts():
            counts.add_row(row.name, str(row.taken), str(row.kept), str(row.delivered), Text(row.doing, "bright_black"))
        story = Group(*self._lines, *[Text("")] * (self._kept - len(self._lines)))
        width = min(self._console.width, _WIDTH_MAX)
        panels = Group(
            Panel(Text(self._text), title=f"[bold]{self._title}[/bold]", title_align="left", subtitle=clock),
            Panel(Group(house, counts), title="at home", title_align="left"),
            Panel(story, title="what happens", title_align="left"),
        )
        return Constrain(panels, width)
