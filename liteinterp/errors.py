"""Exceptions of the Python face. Each is one paragraph a user can act on and knows the command's exit status.

The base types are those that code written for the TFLite interpreter already catches: `ValueError` for a file that is
no model, `RuntimeError` for a model that cannot run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class LiteinterpError(Exception):
    """Anything that liteinterp refuses. Without a subclass: a bug of ours, exit status 1."""

    exit_status = 1


class UsageError(LiteinterpError, ValueError):
    """Arguments, options or data that do not fit: exit status 2."""

    exit_status = 2


class MissingExtraError(LiteinterpError, ImportError):
    """A package of an optional extra is not installed: exit status 2."""

    exit_status = 2

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package!r}, which is not installed: pip install 'liteinterp[{extra}]'"
        )


class UnsupportedError(LiteinterpError, RuntimeError):
    """The model is sound, but this build lacks something that it uses: exit status 3."""

    exit_status = 3


class InvalidFileError(LiteinterpError, ValueError):
    """The bytes are no well-formed model file: exit status 5."""

    exit_status = 5


class InvalidModelError(LiteinterpError, RuntimeError):
    """Well formed, but the model contradicts itself: exit status 5."""

    exit_status = 5


class InputDataError(LiteinterpError, RuntimeError):
    """A value in a tensor, an index say, is out of range at run time: exit status 2."""

    exit_status = 2


class CancelledError(LiteinterpError, RuntimeError):
    """A hook stopped the run: exit status 130."""

    exit_status = 130


class BudgetError(LiteinterpError, RuntimeError):
    """A conversion did not keep within its budget: exit status 4, or 6 where the samples cannot decide.

    `conversion` is the best that was found; nothing was written but the report.
    """

    def __init__(self, status: str, sentence: str, exit_status: int, conversion: object) -> None:
        ending = "nothing was written; --keep-best (keep_best=True) takes the best that was found"
        super().__init__(f"budget {status}: {sentence}; {ending}")
        self.exit_status = exit_status
        self.conversion = conversion


class OutOfMemoryError(LiteinterpError, RuntimeError):
    """The machine does not give the memory that the model needs: exit status 3."""

    exit_status = 3


class InterpreterStateError(LiteinterpError, RuntimeError):
    """A call at the wrong time, or for a tensor that is no input: exit status 2."""

    exit_status = 2


@dataclass(frozen=True)
class Fault:
    """`li_fault` of the C interface: numbers that locate a cause; -1 where one does not apply."""

    status: int
    rule: int
    operation: int
    builtin: int
    tensor: int
    needed: int
    had: int


@dataclass(frozen=True)
class Words:
    """What turns a fault's numbers into words: the library's phrases, and the names in the file."""

    rule: Callable[[int], str]
    status: Callable[[int], str]
    operator: Callable[[int, int], str]
    tensor: Callable[[int], str]


#: status of liteinterp.h -> the exception that tells of it, and how its message starts.
_BY_STATUS: dict[int, tuple[type[LiteinterpError], str]] = {
    -1: (InterpreterStateError, "Does not fit: "),
    -2: (InvalidFileError, "The model is not a valid Flatbuffer buffer: "),
    -3: (InvalidModelError, "The model contradicts itself: "),
    -4: (UnsupportedError, "Not supported: "),
    -5: (LiteinterpError, "Too little memory: "),
    -6: (LiteinterpError, "Misaligned memory: "),
    -7: (InputDataError, "Input data out of range: "),
    -8: (CancelledError, "Cancelled: "),
    -9: (LiteinterpError, "Packed weights do not match: "),
}


def describe(fault: Fault, words: Words) -> str:
    """One sentence: which operator and tensor, what is wrong, and the numbers found and needed where they say more."""
    where = []
    if fault.operation >= 0:
        where.append(words.operator(fault.operation, fault.builtin))
    if fault.tensor >= 0:
        where.append(words.tensor(fault.tensor))
    cause = words.rule(fault.rule) if fault.rule > 0 else words.status(fault.status)
    return (", ".join(where) + ": " if where else "") + cause + _numbers(fault)


def _numbers(fault: Fault) -> str:
    """What was found and needed, where these are numbers that the sentence does not hold already."""
    if fault.had in (0, -1, fault.builtin) and fault.needed in (0, -1):
        return ""
    return f" (found {fault.had})" if fault.needed in (0, -1) else f" (found {fault.had}, expected {fault.needed})"


def error_of(fault: Fault, words: Words, hint: str = "") -> LiteinterpError:
    """The exception for a failed call. `hint` is a further sentence, what would work."""
    kind, start = _BY_STATUS.get(fault.status, (LiteinterpError, ""))
    text = start + describe(fault, words)
    return kind(f"{text}. {hint}" if hint else text)
