"""Errors that a user can act on. Each says stage, operator, what was found and what would work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Blocker:
    """One obstacle, told in the words of the source model.

    `where` names an operator, tensor or option of the source; `found` says what is there; `remedy` what would work.
    """

    where: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        return f"{text}. {self.remedy}" if self.remedy else text


class ConvertError(Exception):
    """A conversion that cannot go on. `blockers` holds every obstacle found, not only the first."""

    exit_status = 1

    def __init__(self, stage: str, blockers: Sequence[Blocker]) -> None:
        self.stage = stage
        self.blockers = tuple(blockers)
        super().__init__(str(self))

    def __str__(self) -> str:
        if len(self.blockers) == 1:
            return f"{self.stage}: {self.blockers[0]}"
        lines = [f"{self.stage}: {len(self.blockers)} problems"]
        lines += [f"  - {blocker}" for blocker in self.blockers]
        return "\n".join(lines)

    @classmethod
    def at(cls, stage: str, where: str, found: str, remedy: str = "") -> ConvertError:
        """The error for a single blocker."""
        return cls(stage, [Blocker(where, found, remedy)])


class UsageError(ConvertError):
    """Options or data that do not fit the model: exit status 2."""

    exit_status = 2


class UnsupportedError(ConvertError):
    """The model is sound, but uses what we lack: exit status 3."""

    exit_status = 3


class InvalidModelError(ConvertError):
    """The file is no model, or contradicts itself: exit status 5."""

    exit_status = 5


class IRError(ConvertError):
    """An invariant of the IR does not hold: a bug of ours, exit status 1."""
