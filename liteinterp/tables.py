"""Tables for terminals: with rich where it is installed and someone is looking, else as aligned text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

_WIDEST = 56


@dataclass(frozen=True)
class Table:
    """Columns from `numeric_from` on are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 1


def to_text(table: Table) -> str:
    """Aligned columns under their names; cells that are too wide keep their end, which tells names apart."""
    rows = [tuple(_shortened(cell) for cell in row) for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    lines = [table.title] if table.title else []
    lines.append(_line(table.columns, widths, table.numeric_from))
    lines.append("  ".join("-" * width for width in widths))
    lines += [_line(row, widths, table.numeric_from) for row in rows]
    return "\n".join(lines)


def show(table: Table, stream: TextIO) -> None:
    """Print to a stream, in colour on a terminal that has rich."""
    if stream.isatty():
        try:
            import rich.box
            import rich.console
            import rich.table
        except ImportError:
            pass
        else:
            drawn = rich.table.Table(title=table.title or None, box=rich.box.SIMPLE_HEAD, title_justify="left")
            for i, name in enumerate(table.columns):
                drawn.add_column(name, justify="right" if i >= table.numeric_from else "left", overflow="fold")
            for row in table.rows:
                drawn.add_row(*(cell.replace("[", "\\[") for cell in row))
            rich.console.Console(file=stream).print(drawn)
            return
    print(to_text(table), file=stream)


def _line(cells: tuple[str, ...], widths: list[int], numeric_from: int) -> str:
    aligned = (
        cell.rjust(width) if i >= numeric_from else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()


def _shortened(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else "…" + cell[1 - _WIDEST :]
