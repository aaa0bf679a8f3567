"""What every program of this folder asks on its command line: where the zoo is, and which page to write into."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def parser(description: str | None) -> argparse.ArgumentParser:
    """With `--zoo` and `--docs`."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("LITEINTERP_ZOO", str(REPOSITORY.parent / "shared" / "zoo"))
    made.add_argument("--zoo", type=Path, default=Path(default))
    made.add_argument("--docs", type=Path, help="page whose table is written anew")
    return made


def parse(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Ends the program where there is no zoo."""
    arguments = made.parse_args()
    if not (arguments.zoo / "models").is_dir():
        raise SystemExit(f"the zoo of real models is absent from {arguments.zoo}; set LITEINTERP_ZOO to its directory")
    return arguments
