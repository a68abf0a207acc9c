"""The command line: one small module a subcommand. Bad input is one line on stderr and exit status 2."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, NoReturn

import typer

from tableau2net._version import __version__
from tableau2net.children import SAFE
from tableau2net.cli.cfl_limit import cfl_command
from tableau2net.cli.check import check
from tableau2net.cli.compare import compare
from tableau2net.cli.compile import compile
from tableau2net.cli.discover import discover
from tableau2net.cli.evaluate_run import evaluate
from tableau2net.cli.generate import generate
from tableau2net.cli.list import list_
from tableau2net.cli.models import models
from tableau2net.cli.number_types import bounded
from tableau2net.cli.plot import plot
from tableau2net.cli.refine import refine
from tableau2net.cli.show import show
from tableau2net.cli.streams import close_streams, open_streams
from tableau2net.cli.summary import summary
from tableau2net.cli.table import table
from tableau2net.cli.together import leave_to_first, together
from tableau2net.cli.train import train
from tableau2net.cli.tree_table import trees_command
from tableau2net.errors import InputError
from tableau2net.sinks import one_line

# What typer calls it is private, and has moved between its versions.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="tableau2net",
    help="Schemes as data, checked exactly, compiled to residual networks, trained.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("list")(list_)
app.command("cfl")(bounded(cfl_command))
app.command("trees")(bounded(trees_command))
for command in (
    show,
    check,
    compare,
    plot,
    generate,
    compile,
    models,
    summary,
    together(train),
    evaluate,
    refine,
    discover,
    table,
):
    app.command()(bounded(command))


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit status: 0 done and true, 1 a check or claim failed, 2 bad input."""
    open_streams()
    command = typer.main.get_command(app)
    os.environ[SAFE] = "1"  # whoever starts a process for us
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; of windows an environment may say what matplotlib refuses
    warnings.showwarning = _warn
    try:  # not `app()`, which ends with 1 where the reader of a pipe has gone, and says in four lines what is one
        with command.make_context("tableau2net", sys.argv[1:] or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except UsageError as error:
        leave_to_first()
        path = error.ctx.command_path if error.ctx else "tableau2net"
        _bad(f"{error.format_message().rstrip('.')}; see `{path} --help`")
    except InputError as error:
        _bad(str(error))
    except BrokenPipeError:  # the reader of our output has gone, `| head` say
        close_streams(sys.stdout, sys.stderr)
        sys.exit(0)
    except OSError as error:  # no room where our output goes, say
        close_streams(sys.stdout)
        _bad(f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell counts an interrupt


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """A warning in one line, without the line of our code that it came from."""
    print(f"tableau2net: {one_line(message)}", file=sys.stderr)


def _bad(message: str) -> NoReturn:
    print(f"tableau2net: {one_line(message)}", file=sys.stderr)
    sys.exit(2)
