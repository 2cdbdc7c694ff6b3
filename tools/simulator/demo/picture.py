"""A run as a picture: `telehub demo --once --picture FILE.svg` (the README's is made by `make picture`)."""

import io
import re
from pathlib import Path

from rich.console import Console, RenderableType

COLUMNS = 80


def draw(path: Path, *parts: RenderableType, title: str = "telehub demo", columns: int = COLUMNS) -> None:
    """Write the parts as they stand on a terminal, one below the other."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for part in parts:
        console.print(part)
    svg = console.export_svg(title=title, unique_id="telehub")
    # Rich names web fonts; a picture must not ask anybody for anything.
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "monospace")
    path.write_text(svg)
