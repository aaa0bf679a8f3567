"""Where commands say things: results on stdout, the rest on stderr, progress only where someone is looking."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ..tables import Table, show


class Progress(Protocol):
    """Told the stage, its steps done, and how many there are where that is known."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


@dataclass(frozen=True)
class Console:
    """`quiet` leaves results and errors; `verbose` adds detail."""

    verbose: bool = False
    quiet: bool = False

    def result(self, text: str) -> None:
        """What the command was run for."""
        print(text, file=sys.stdout)

    def table(self, table: Table) -> None:
        show(table, sys.stdout)

    def say(self, text: str) -> None:
        """A message beside the result."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def detail(self, text: str) -> None:
        """A message for -v."""
        if self.verbose:
            print(text, file=sys.stderr)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on a terminal that has rich; nothing otherwise."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda stage, done, total: None
            return
        try:
            import rich.console
            import rich.progress
        except ImportError:
            yield lambda stage, done, total: None
            return
        bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description:<12}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            console=rich.console.Console(stderr=True),
            transient=True,
        )
        tasks: dict[str, rich.progress.TaskID] = {}

        def step(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                while tasks:
                    bars.remove_task(tasks.popitem()[1])
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        with bars:
            yield step
