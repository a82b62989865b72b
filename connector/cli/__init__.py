"""The command line. Each module here is a command of its name: its docstring is the help, its function the doing.

A new command is a new file. It has a function that is named as the module is, takes typer's parameters, and
returns the exit code. Modules whose name begins with `_` are what several commands share.
"""

from __future__ import annotations

import ast
import os
import pkgutil
import sys
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from connector.cli._exits import Stop

DEFAULT_CONFIG = Path("config.yaml")


def main() -> None:
    """Run `aftersale` with this process's arguments, and exit with its code."""
    try:
        _app(prog_name="aftersale")
    except Exception as error:  # noqa: BLE001  Python would print what the error says, and that may be anybody's data
        from connector.discreet import told

        typer.echo(f"{told(error)}\nThis is a fault of Aftersale. Please report it with the lines above.", err=True)
        sys.exit(1)


# Commands are found as files, and imported when they are called ------------------------------------------------


@cache
def _files() -> dict[str, Path]:
    """The file of each command, by its name."""
    return {
        module.name.replace("_", "-"): Path(folder, f"{module.name}.py")
        for folder in __path__
        for module in pkgutil.iter_modules([folder])
        if not module.name.startswith("_")
    }


def _first_line(file: Path) -> str:
    """What a command does, as its file says, without running it."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


# A traceback with its surroundings would show what is nobody's business.
_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}


def _load(name: str) -> Any:
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    app = typer.Typer(**_PLAIN)
    function = getattr(module, name.replace("-", "_"))
    app.command(name, cls=_Command, help=module.__doc__, no_args_is_help=False)(function)
    return typer.main.get_command(app)


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_files())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Enough of a command to be listed; what is called is loaded by `resolve_command`."""
        file = _files().get(cmd_name)
        return None if file is None else TyperCommand(cmd_name, callback=None, help=_first_line(file))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in _files() and not args[0].startswith("-"):
            close = get_close_matches(args[0], _files(), n=1)
            ctx.fail(f"there is no command '{args[0]}'" + (f"; did you mean '{close[0]}'?" if close else ""))
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(str(name)), rest


class _Command(TyperCommand):
    def invoke(self, ctx: Any) -> None:
        """Exit with what the command returns; whatever stops it is told in plain words."""
        from connector.cli._exits import Stop

        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except Stop as stop:
            _tell(stop, as_json=bool(ctx.params.get("as_json")))
            code = stop.code
        except KeyboardInterrupt:
            code = 130
        raise typer.Exit(int(code))


def _tell(stop: Stop, *, as_json: bool) -> None:
    for problem in stop.problems:
        typer.echo(str(problem), err=True)
    if as_json:
        from connector.cli._screen import print_json

        print_json({"problems": [problem.as_json() for problem in stop.problems]})


# What stands before the command ---------------------------------------------------------------------------------

_app = typer.Typer(cls=_Commands, no_args_is_help=True, **_PLAIN)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"aftersale {version('aftersale')}")
        raise typer.Exit


@_app.callback()
def _before(
    ctx: typer.Context,
    config: Annotated[
        Path,
        typer.Option("-c", "--config", envvar="AFTERSALE_CONFIG", help="The config file, or a folder of one a client."),
    ] = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Looks after a shop's customers from one order to the next.

    `aftersale demo` shows it at work; `aftersale init` begins with a shop of yours.
    """
    from connector.observe import LEVELS, set_up_logs

    level = os.environ.get("AFTERSALE_LOG_LEVEL", "info").lower()
    if level not in LEVELS:
        typer.echo(f"AFTERSALE_LOG_LEVEL is not a log level: write one of {', '.join(LEVELS)}", err=True)
        raise typer.Exit(2)
    set_up_logs(level)
    # Both may stand behind the command, too: there they count more.
    ctx.default_map = {name: {"config": config, "as_json": as_json} for name in _files()}
