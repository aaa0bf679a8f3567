"""Damaged files, through everything in Python that reads them: an error of ours, or a result."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from tiny_models import chain

from liteinterp import Interpreter, LiteinterpError, bench
from liteinterp.inspect import inspect
from liteinterp.tables import to_text

WORDS = (0, 1, 127, 128, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutants(content: bytes, count: int) -> list[bytes]:
    """Single bits, and 32-bit words set to extremes, from a fixed seed."""
    random, made = np.random.default_rng(11), []
    for i in range(count):
        copy = bytearray(content)
        if i % 2:
            at = int(random.integers(len(copy) // 4)) * 4
            copy[at : at + 4] = WORDS[int(random.integers(len(WORDS)))].to_bytes(4, "little")
        else:
            copy[int(random.integers(len(copy)))] ^= 1 << int(random.integers(8))
        made.append(bytes(copy))
    return made


@pytest.mark.parametrize("model", ["int8_model", "signed_model"])
def test_damaged_files_give_errors_of_ours(model: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path, survived = tmp_path / "m.tflite", 0
    for content in mutants(request.getfixturevalue(model), 500):
        path.write_bytes(content)
        work = 0
        with contextlib.suppress(LiteinterpError):
            found = inspect(path)
            found.to_json()
            work = found.macs + sum(need.arena for need in found.memory.values())
            assert list(found.tables(everything=True)) and found.heading() and list(found.closing())
        with contextlib.suppress(LiteinterpError):
            interpreter = Interpreter(model_content=content)
            interpreter.get_input_details(), interpreter.get_tensor_details(), interpreter._get_ops_details()
            interpreter.allocate_tensors()
            survived += 1
            if work < 10_000_000:
                interpreter.invoke()
    assert 0 < survived < 500


def test_every_truncation_is_refused_or_runs(int8_model: bytes) -> None:
    for length in range(0, len(int8_model), 7):
        with contextlib.suppress(LiteinterpError):
            Interpreter(model_content=int8_model[:length]).allocate_tensors()


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    maker = chain("RELU")
    maker.graph.tensors[0].name = "\x1b]0;title\x07\x1b[31mred\n"
    (tmp_path / "m.tflite").write_bytes(maker.bytes())
    found = inspect(tmp_path / "m.tflite")
    text = "\n".join([found.heading(), *map(to_text, found.tables(everything=True)), *found.closing()])
    assert "red" in text and all(c.isprintable() for c in text.replace("\n", ""))


def test_damaged_files_are_timed_or_refused(int8_model: bytes, tmp_path: Path) -> None:
    path, timed = tmp_path / "m.tflite", 0
    for content in mutants(int8_model, 100):
        path.write_bytes(content)
        with contextlib.suppress(LiteinterpError):
            found = bench(path, runs=1, warmup=0, with_profile=True)
            assert list(found.tables()) and found.heading() and found.to_json()
            timed += 1
    assert 0 < timed < 100
