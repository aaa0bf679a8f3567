"""Tables that a program writes into a page, between two lines that mark their place."""

from __future__ import annotations

from pathlib import Path


def write_between(path: Path, begin: str, end: str, text: str) -> None:
    """Put `text` between the lines `begin` and `end` of a page."""
    before, found, rest = path.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} lacks the lines {begin!r} and {end!r}")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")


def microseconds(time: float) -> str:
    """Three digits or more."""
    return f"{time:,.0f}" if time >= 100 else f"{time:.1f}"
