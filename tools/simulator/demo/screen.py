"""The story on the terminal: what the people at home see, and what travels. Live on a terminal, else lines."""

import time
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_LINES_KEPT = 9
_FRAME_S = 0.08  # of wall time: a dozen pictures a second is what an eye needs
_READING_S = 2.2  # of wall time: a chapter's text is read in this
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
        self._title, self._text = title, text
        if self._live:
            self._lines.clear()
            self.draw(True)
            time.sleep(_READING_S)
        elif not self._quiet:
            self._console.print(f"\n[bold]{title}[/bold]\n{text}")

    def say(self, when_s: float, what: str, style: str = "") -> None:
        """One thing happened at a moment of the home's time."""
        clock = datetime.fromtimestamp(when_s, UTC).strftime("%a %H:%M:%S")
        line = Text.assemble((clock + "  ", "bright_black"), (what, style))
        if self._live:
            self._lines = [*self._lines[1 - _LINES_KEPT :], line]
            self.draw(True)
        elif not self._quiet:
            self._console.print(line)

    def draw(self, now: bool = False) -> None:
        """Show the present moment, at most so many times a second."""
        if not self._live or self._home is None:
            return
        if not now and time.monotonic() - self._drawn < _FRAME_S:
            return
        self._drawn = time.monotonic()
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        home = self._home
        clock = datetime.fromtimestamp(home.time(), UTC).strftime("%A %d %B, %H:%M:%S UTC")
        light = home.light()
        colour, rhythm = _LIGHTS[light]
        house = Table.grid(padding=(0, 2))
        house.add_row("light", Text(f"{rhythm}", style=colour), Text(light, style=f"bold {colour}"))
        house.add_row("hub", home.hub_words(), "")
        house.add_row("network", home.network_words(), "")
        counts = Table(box=None, padding=(0, 2), header_style="bright_black")
        for title in ("device", "taken", "kept", "delivered", ""):
            counts.add_column(title, justify="left" if title in ("device", "") else "right")
        for row in home.counts():
            counts.add_row(row.name, str(row.taken), str(row.kept), str(row.delivered), Text(row.doing, "bright_black"))
        story = Group(*self._lines, *[Text("")] * (_LINES_KEPT - len(self._lines)))
        return Group(
            Panel(Text(self._text), title=f"[bold]{self._title}[/bold]", title_align="left", subtitle=clock),
            Panel(Group(house, Text(""), counts), title="at home", title_align="left"),
            Panel(story, title="what happens", title_align="left"),
        )
