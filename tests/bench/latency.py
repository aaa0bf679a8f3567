"""Latency of models on this machine, ours with each kernel set and LiteRT on one thread: a table for PERFORMANCE.md.

    taskset -c 1 python tests/bench/latency.py --runs 300 MODEL.tflite ...

The figure is the least of many runs of `invoke`, in interleaved rounds so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import liteinterp


def ready(make: Callable[[], Any]) -> Any:
    """An interpreter with its inputs filled, warmed up."""
    interpreter = make()
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = tuple(detail["shape"]), np.dtype(detail["dtype"])
        data = random.normal(size=shape) if dtype.kind == "f" else random.integers(0, 127, shape)
        interpreter.set_tensor(detail["index"], data.astype(dtype))
    interpreter.invoke()
    return interpreter


def ours(path: Path, isa: str) -> Callable[[], Any]:
    def make() -> Any:
        os.environ["LITEINTERP_ISA"] = isa
        return liteinterp.Interpreter(model_path=str(path))

    return make


def litert(path: Path) -> Callable[[], Any]:
    def make() -> Any:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_path=str(path), num_threads=1)

    return make


def least_microseconds(path: Path, runs: int, rounds: int = 10) -> list[float]:
    """ref, avx2, LiteRT."""
    interpreters = [ready(make) for make in (ours(path, "ref"), ours(path, "avx2"), litert(path))]
    least = [float("inf")] * len(interpreters)
    for _ in range(rounds):
        for i, interpreter in enumerate(interpreters):
            for _ in range(max(1, runs // rounds)):
                start = time.perf_counter_ns()
                interpreter.invoke()
                least[i] = min(least[i], (time.perf_counter_ns() - start) / 1000)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=300)
    arguments = parser.parse_args()
    print("| model | ref, us | avx2, us | LiteRT, us | avx2 / LiteRT |\n|---|---|---|---|---|")
    for path in arguments.models:
        ref, avx2, other = least_microseconds(path, arguments.runs)
        print(f"| {path.stem} | {ref:,.0f} | {avx2:,.0f} | {other:,.0f} | {avx2 / other:.1f} |", flush=True)


if __name__ == "__main__":
    main()
