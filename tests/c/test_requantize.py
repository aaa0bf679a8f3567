"""Requantization in integers, for cores without a float unit, gives what the definition in floats gives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def comparisons(cc: str, repository: Path, folder: Path, *flags: str, argument: str = "edges") -> int:
    """Builds tests/c/requantize.c, which needs headers of the library only, and runs it."""
    includes = [f"-I{repository / 'csrc' / name}" for name in ("include", "src")]
    program = folder / "requantize"
    source = repository / "tests" / "c" / "requantize.c"
    subprocess.run([cc, "-std=c11", "-ffp-contract=off", "-O2", *includes, *flags, source, "-o", program], check=True)
    done = subprocess.run([program, argument], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("short_products", [0, 1])
def test_edges_of_significands_exponents_and_ties(
    cc: str, repository: Path, tmp_path: Path, short_products: int
) -> None:
    assert comparisons(cc, repository, tmp_path, f"-DLI_SHORT_PRODUCTS={short_products}") > 10_000_000


@pytest.mark.slow
def test_every_sum_and_every_significand(cc: str, repository: Path, tmp_path: Path) -> None:
    assert comparisons(cc, repository, tmp_path, argument="all") > 2**32
