"""A reset: everything that makes the hub somebody's is erased. Begun by an order, done at the next start, through cuts.

The mark is written first and goes last, so that a power cut in the midst leaves a hub that goes on erasing.
"""

import os

from firmware import config


def begin() -> None:
    """From the next start on the hub is nobody's."""
    config.write_whole(config.WIPE, b"reset")


def finish(flash) -> None:
    """Erase keys, settings, bonds and the journal."""
    for name in os.listdir(config.FOLDER):
        if config.FOLDER + "/" + name != config.WIPE:
            os.remove(config.FOLDER + "/" + name)
    for sector in range(flash.sector_count):
        flash.erase(sector)
    os.remove(config.WIPE)
