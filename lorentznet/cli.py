"""The command line: ``lorentznet COMMAND ...``.

Each command is one file in :mod:`lorentznet.commands` with ``HELP``, ``EXAMPLE``, ``add_arguments(parser)`` and
``run(args, console)``. These files import the heavy libraries inside ``run`` only, so that ``--help`` answers at once.

Exit codes: 0; 2 with one line on standard error that names the file and the cure; 130 after Ctrl-C; 143 if a training is terminated; 141 if
the reader of a pipe has gone. Anything else is a defect of the package and keeps its traceback.
"""

from __future__ import annotations

import argparse
import errno
import os
import select
import shlex
import sys
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from lorentznet import __version__
from lorentznet.commands import evaluate, explain, generate, inspect, invariance, predict, pretrained, quickstart, report, train
from lorentznet.console import Console
from lorentznet.errors import LorentznetError, nearest

COMMANDS: dict[str, ModuleType] = {
    "generate": generate,
    "inspect": inspect,
    "train": train,
    "pretrained": pretrained,
    "predict": predict,
    "evaluate": evaluate,
    "invariance": invariance,
    "explain": explain,
    "report": report,
    "quickstart": quickstart,
}
"""All commands, in the order in which a study uses them."""

INTERRUPTED = "interrupted; nothing half-written was left"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help with room for the names of options beside their explanation."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line; options are written out in full."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Help, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2 and one line."""
        self.exit(2, f"lorentznet: error: {message} (see '{self.prog} --help')\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    listed = "\n".join(f"  {name:<12}{module.HELP}" for name, module in COMMANDS.items())
    parser = Parser(
        prog="lorentznet",
        usage="lorentznet [--help] [--version] COMMAND ...",
        description="Tag jets with networks that respect Lorentz symmetry.",
        epilog=f"commands:\n{listed}\n\nexample:\n  {quickstart.EXAMPLE}\n\n'lorentznet COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"lorentznet {__version__}")
    commands = parser.add_subparsers(
        prog="lorentznet", dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS, parser_class=Parser
    )
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            description=textwrap.fill(module.HELP[:1].upper() + module.HELP[1:].rstrip(".") + ".", 80),
            epilog=f"example:\n  {module.EXAMPLE}",
        )
        module.add_arguments(command)
        command.add_argument("--quiet", action="store_true", help="say nothing but results and errors")
        command.set_defaults(module=module, parser=command)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line, with ``command_line``, the line itself, among them.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version`` (code 0) and for a line that is not understood (code 2).
    """
    parser = build_parser()
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        parser.error(f"unknown command '{argv[0]}'; {nearest(argv[0], COMMANDS)}")
    args, unknown = parser.parse_known_args(argv)
    if getattr(args.module, "TAKES_OVERRIDES", False):
        args.overrides = unknown
    elif unknown:
        options = [option for option in args.parser._option_string_actions if option.startswith("--")]
        hint = nearest(unknown[0].partition("=")[0], options) if unknown[0].startswith("-") else "nothing more is expected"
        args.parser.error(f"'{unknown[0]}' is not understood; {hint}")
    args.command_line = shlex.join(["lorentznet", *argv])
    return args


def execute(argv: Sequence[str], console: Console | None = None) -> None:
    """Parse and run one command; errors are raised, not printed."""
    args = parse(argv)
    args.module.run(args, console or Console(quiet=args.quiet))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    try:
        try:
            execute(sys.argv[1:] if argv is None else list(argv))
        finally:
            sys.stdout.flush()  # here, so that a reader that has left is noticed below
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except LorentznetError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt as interrupt:
        # Caught or not: if it came while exec() ran a string (dataclasses do, on import), `python -m` would end by the signal itself
        # and not with our exit code. Running another string clears the interpreter's note of it.
        exec("")
        return _complain(str(interrupt) or INTERRUPTED, 130)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_has_left():
            return 141
        if error.errno == errno.ENOSPC:  # of standard output too, which has no name
            return _complain(f"{error.filename or 'the output'}: {error.strerror}", 2)
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror or error}", 2)
    return 0


def _complain(message: str, code: int) -> int:
    kind = "" if code == 130 else "error: "
    sys.stderr.write(f"lorentznet: {kind}{' '.join(message.split())}\n")
    return code


def _reader_has_left() -> bool:
    """True if standard output is a pipe that nobody reads any more (``lorentznet inspect FILE | head``)."""
    output = sys.stdout.fileno()
    watch = select.poll()
    watch.register(output, 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)  # the interpreter flushes once more at its end
    return True
