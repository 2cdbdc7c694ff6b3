"""The `telehub` command: each subcommand is one function in the module that does the work."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

import typer
import typer.core
import typer.main
from typer._click.exceptions import ClickException, UsageError

from tools.host.output import DONE, CommandError, WrongUse, report

# name → module and the function (or Typer group) in it. One whose module is not in the tree is no command.
COMMANDS = {
    "demo": ("tools.simulator.demo", "command"),
    "decode": ("tools.inspect.decode.command", "command"),
    "verify": ("tools.inspect.verify", "command"),
    "journal": ("tools.inspect.journal", "command"),
    "powercut": ("tools.simulator.powercut", "command"),
    "campaign": ("tools.simulator.campaign", "command"),
    "backend": ("tools.backend.command", "command"),
    "fleet": ("tools.simulator.fleet.command", "command"),
    "fhir": ("tools.backend.fut.command", "command"),
    "bench": ("tools.host.bench", "command"),
    "ca": ("tools.technician.authority", "command"),
    "flash": ("tools.technician.flash", "command"),
    "provision": ("tools.technician.provision", "command"),
    "label": ("tools.technician.label", "command"),
    "order": ("tools.technician.ordering", "command"),
    "doctor": ("tools.technician.doctor", "command"),
    "reset": ("tools.technician.reset", "command"),
    "update": ("tools.technician.update", "command"),
    "devices": ("tools.technician.devices", "command"),
    "size": ("tools.host.size", "command"),
}

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


def exists(module: str) -> bool:
    """Whether a command's module is in the tree (only its folder's `__init__` is imported)."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Commands(typer.core.TyperGroup):
    """Imports a command's module when that command is asked for, so that `size` does not wait for Bluetooth."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands whose modules exist, in the table's order."""
        return [name for name, (module, _) in COMMANDS.items() if exists(module)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command made from its function, or None."""
        module, attribute = COMMANDS.get(cmd_name, ("", ""))
        if not module or not exists(module):
            return None
        function = getattr(importlib.import_module(module), attribute)
        if isinstance(function, typer.Typer):
            return typer.main.get_command(function)
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(function)
        made = typer.main.get_command(single)
        made.name = cmd_name
        return made


app = typer.Typer(cls=Commands, add_completion=False, no_args_is_help=False)


@app.callback()
def telehub() -> None:
    """Carry readings from medical Bluetooth devices to a telemedicine platform, and prove that none is missing."""


def run(arguments: Sequence[str]) -> int:
    """Do one command; returns its exit code (0 done, 1 bad, 2 wrong use, 3 a part is missing)."""
    as_json = "--json" in arguments
    try:
        code = typer.main.get_command(app).main(
            args=list(arguments), prog_name="telehub", standalone_mode=False
        )
    except CommandError as error:
        return report(error, as_json)
    except UsageError as error:
        context = error.ctx.command_path if error.ctx else "telehub"
        return report(WrongUse(error.format_message(), f"{context} --help"), as_json)
    except ClickException as error:
        return report(CommandError(error.format_message()), as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except BrokenPipeError:
        return DONE  # the reader has seen enough
    if code == _INTERRUPTED:
        return report(CommandError("stopped before it was done"), as_json)
    return code if isinstance(code, int) else DONE


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
