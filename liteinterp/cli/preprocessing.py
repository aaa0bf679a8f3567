"""Options that say how images, sounds and arrays become what a model takes; `convert` and `compare` share them."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import UsageError
from ..preprocessing import COLOURS, FILTERS, LAYOUTS, PRESETS

_OPTIONS = ("preset", "mean", "std", "scale", "colour", "resize", "crop", "letterbox", "layout", "sample_rate", "hop")


def add_preprocessing(parser: argparse.ArgumentParser) -> None:
    """A group of options on a verb's parser."""
    group = parser.add_argument_group(
        "preprocessing", "numbers become (value * SCALE - MEAN) / STD; docs/DATA.md shows each option"
    )
    group.add_argument("--preset", choices=tuple(PRESETS), help="mean, std, scale, colours and crop at once")
    group.add_argument("--mean", metavar="M[,M,M]", help="one number, or one for each channel")
    group.add_argument("--std", metavar="S[,S,S]", help="as --mean")
    group.add_argument("--scale", metavar="X", help="a number or a fraction: 1/255")
    group.add_argument("--colour", "--color", choices=COLOURS, help="order of channels (rgb, for one channel grey)")
    group.add_argument("--resize", choices=FILTERS, help="how images are resized (bilinear); none refuses to")
    group.add_argument("--crop", type=float, metavar="SHARE", help="use the middle: 0.875 of the short side, say")
    group.add_argument("--letterbox", type=float, metavar="PIXEL", help="keep all, fill up with this, 114 say")
    group.add_argument("--layout", choices=LAYOUTS, help="where image inputs have their channels, if it is not clear")
    group.add_argument("--sample-rate", type=int, metavar="HZ", help="refuse .wav files of another rate")
    group.add_argument("--hop", type=int, metavar="N", help="numbers between the starts of .wav windows (a window)")


def given_preprocessing(args: argparse.Namespace) -> dict[str, Any] | None:
    """What `liteinterp.preprocessing.preprocessing` takes; None where no option was given. Raises UsageError."""
    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    for name in ("mean", "std"):
        if name in given:
            given[name] = tuple(parse_number(part, name) for part in given[name].split(","))
    if "scale" in given:
        given["scale"] = parse_number(given["scale"], "scale")
    return given or None


def parse_number(text: str, option: str) -> float:
    """`0.5` or `1/255`. Raises UsageError."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--{option} {text!r} must be a number, or a fraction such as 1/255") from None
