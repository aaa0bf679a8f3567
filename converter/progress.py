"""Who is told of a conversion's progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is going on: the stage, and how many of its steps are done, of how many where that is known."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


def silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody wants to see."""
