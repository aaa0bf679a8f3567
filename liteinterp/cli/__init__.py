"""`liteinterp VERB`. Results go to stdout, progress and messages to stderr; nothing is ever asked.

Exit status: 0 done, 1 our bug, 2 usage, 3 model or operator not supported, 4 gate not met, 5 invalid or corrupt file,
6 undecided, 130 interrupted.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence

from ..errors import LiteinterpError
from . import bench, compare, convert, demo, inspect, run
from .console import Console

_VERBS = (convert, run, inspect, compare, bench, demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Argument errors leave through SystemExit(2)."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.verb is None:
        parser.print_help(sys.stderr)
        return 2
    _set_up_logging(args.verbose, args.quiet)
    try:
        status: int = args.run(args, Console(verbose=args.verbose, quiet=args.quiet))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("liteinterp: interrupted; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _tell(error, args.verbose)


def _tell(error: Exception, verbose: bool) -> int:
    """One paragraph on stderr, and the exit status. The converter's errors carry their status as ours do."""
    status = getattr(error, "exit_status", None)
    if isinstance(status, int) and (status != 1 or isinstance(error, LiteinterpError)):
        print(f"liteinterp: error: {error}", file=sys.stderr)
    elif isinstance(error, ImportError):
        status = 1
        print(f"liteinterp: error: {error}", file=sys.stderr)
    else:
        status = 1
        print(
            f"liteinterp: this is a bug in liteinterp, please report it: {type(error).__name__}: {error}"
            + ("" if verbose else " (-v shows where)"),
            file=sys.stderr,
        )
    if verbose:
        traceback.print_exception(error)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="liteinterp",
        description="Quantizes trained float models to int8 .tflite files, runs them, and measures what was lost.",
        epilog="Exit status: 0 done, 1 our bug, 2 usage, 3 not supported, 4 gate not met, 5 invalid file, "
        "6 undecided, 130 interrupted.",
        parents=[_common(default=False)],
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    for verb in _VERBS:
        verb.add(verbs, _common(default=argparse.SUPPRESS))
    return parser


def _common(default: object) -> argparse.ArgumentParser:
    """Options that may stand before or after the verb."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-v", "--verbose", action="store_true", default=default, help="say more; tracebacks with errors"
    )
    common.add_argument("-q", "--quiet", action="store_true", default=default, help="only results and errors")
    return common


class _Version(argparse.Action):
    """Looks the version up only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ..version import __version__

        print(f"liteinterp {__version__}")
        parser.exit()


def _set_up_logging(verbose: bool, quiet: bool) -> None:
    """Messages of the library on stderr."""
    log = logging.getLogger("liteinterp")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("liteinterp: %(message)s"))
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
