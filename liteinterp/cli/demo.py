"""`liteinterp demo`: a trained network becomes an int8 file, runs on the C interpreter, and is compared with itself."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..tables import Table
from .console import Console

Array = npt.NDArray[Any]

_SHADES = " .:-=+*#%@"


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "demo",
        parents=[common],
        help="the whole story on a bundled model, offline, in seconds",
        description="Convert a bundled network that reads handwritten digits to int8, run it on the C interpreter, and "
        "measure what was lost. Needs no network and no arguments.",
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="keep the int8 model in this folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.output and not Path(args.output).is_dir():
        raise UsageError(f"the folder {args.output} does not exist")
    started = time.perf_counter()
    with as_file(files("liteinterp") / "demo") as bundled, tempfile.TemporaryDirectory() as folder:
        model, data = bundled / "digits.onnx", bundled / "digits.npz"
        small = Path(args.output or folder) / "digits.int8.tflite"
        status = _story(model, data, small, console)
    console.result(f"\nAll of it took {time.perf_counter() - started:.1f} s.")
    if args.output:
        console.say(f"wrote {small}")
    return status


def _story(model: Path, data: Path, small: Path, console: Console) -> int:
    from ..compare import compare
    from ..convert import convert
    from ..net import ModelBytes, Request, plan

    with np.load(data, allow_pickle=False) as arrays:
        calibration, test, labels = arrays["calibration"], arrays["test"], arrays["labels"]
    console.result(
        "A network that reads handwritten digits, trained in float32, becomes int8: "
        f"{len(calibration)} images calibrate it, {len(test)} others judge it.\n"
    )
    with console.progress() as progress:
        conversion = convert(model, quantize="int8", calib={"image": calibration}, progress=progress)
        conversion.save(small)
        drift = compare(
            model,
            small,
            {"image": test},
            labels=labels,
            max_drop=1,
            progress=lambda done, count: progress("compare", done, count),
        )
    need = plan(ModelBytes(conversion.model), Request())
    agreement, error = drift.outputs[0].agreement, drift.outputs[0].error
    assert agreement is not None and agreement.ref_accuracy is not None and agreement.test_accuracy is not None
    rows = (
        ("runs in", drift.ref_engine, drift.test_engine),
        ("file", f"{model.stat().st_size:,} bytes", f"{small.stat().st_size:,} bytes"),
        ("memory for tensors", "", f"{need.arena:,} bytes"),
        ("digits read right", f"{100 * agreement.ref_accuracy:.1f} %", f"{100 * agreement.test_accuracy:.1f} %"),
        ("same answer as float", "", f"{100 * agreement.top1:.1f} %"),
        ("output SQNR", "", f"{error.sqnr_db:.1f} dB"),
    )
    console.table(Table("", ("", "float32, .onnx", "int8, .tflite"), rows, numeric_from=1))
    images = test[:4]
    answers, same = _answers(conversion.model, images)
    console.result("\n" + _drawn(images, answers))
    console.result("" if same is None else f"\n{same}")
    console.result(drift.verdict.sentence)
    return drift.exit_status


def _answers(content: bytes, images: Array) -> tuple[list[int], str]:
    """What the C interpreter reads, and whether the portable kernels agree to the bit."""
    from ..net import ModelBytes, Net, Request

    best, portable = (Net(ModelBytes(content), Request(isa=isa)) for isa in ("best", "ref"))
    answers, hashes = [], [hashlib.sha256(), hashlib.sha256()]
    for image in images:
        for net, digest in zip((best, portable), hashes, strict=True):
            net.view(net.inputs[0])[...] = image.reshape(net.tensors[net.inputs[0]].shape)
            net.run()
            digest.update(net.view(net.outputs[0]).tobytes())
        answers.append(int(np.argmax(best.view(best.outputs[0]))))
    equal = "the same bytes" if hashes[0].digest() == hashes[1].digest() else "DIFFERENT bytes"
    return answers, f"Kernels {best.kernels} and {portable.kernels} give {equal}."


def _drawn(images: Array, answers: list[int]) -> str:
    """The images side by side, each above the digit that was read."""
    rows = []
    pictures = images.reshape(len(images), *images.shape[-2:])
    for line in range(pictures.shape[1]):
        rows.append("   ".join(_shades(picture[line]) for picture in pictures))
    width = 2 * pictures.shape[2]
    rows.append("   ".join(f"read as {answer}".center(width) for answer in answers))
    return "\n".join(row.rstrip() for row in rows)


def _shades(line: Array) -> str:
    return "".join(2 * _SHADES[min(int(value * len(_SHADES) / 17), len(_SHADES) - 1)] for value in line)
