"""Tables for terminals: with rich where it is installed and someone is looking, else as aligned text."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TextIO

_WIDEST = 56
_NARROWEST = 12


@dataclass(frozen=True)
class Table:
    """Columns from `numeric_from` on are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 1


def to_text(table: Table, widest: int = _WIDEST) -> str:
    """Aligned columns under their names."""
    rows = shortened(table, widest).rows
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    lines = [table.title] if table.title else []
    lines.append(_line(table.columns, widths, table.numeric_from))
    lines.append("  ".join("-" * width for width in widths))
    lines += [_line(row, widths, table.numeric_from) for row in rows]
    return "\n".join(lines)


def shortened(table: Table, widest: int) -> Table:
    """Cells that are too wide keep their end, which tells names apart."""
    rows = tuple(tuple(_shortened(printable(cell), widest) for cell in row) for row in table.rows)
    return replace(table, rows=rows)


def printable(text: str) -> str:
    """Names come from files of strangers: what would steer a terminal is replaced."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def show(table: Table, stream: TextIO) -> None:
    """Print to a stream, in colour on a terminal that has rich."""
    if not stream.isatty():
        print(to_text(table), file=stream)
        return
    fitting = shortened(table, _room(table, shutil.get_terminal_size().columns))
    try:
        import rich.box
        import rich.console
        import rich.markup
        import rich.table
    except ImportError:
        print(to_text(fitting), file=stream)
        return
    drawn = rich.table.Table(title=table.title or None, box=rich.box.SIMPLE_HEAD, title_justify="left")
    for i, name in enumerate(table.columns):
        drawn.add_column(name, justify="right" if i >= table.numeric_from else "left", no_wrap=True)
    for row in fitting.rows:
        drawn.add_row(*map(rich.markup.escape, row))
    rich.console.Console(file=stream).print(drawn)


def _shortened(cell: str, widest: int) -> str:
    return cell if len(cell) <= widest else "…" + cell[1 - widest :]


def _room(table: Table, columns: int) -> int:
    """How wide the widest column may be so that a line fits into the terminal."""
    widths = sorted(max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True))
    return max(_NARROWEST, columns - sum(widths[:-1]) - 4 * len(widths))


def _line(cells: tuple[str, ...], widths: list[int], numeric_from: int) -> str:
    aligned = (
        cell.rjust(width) if i >= numeric_from else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()
