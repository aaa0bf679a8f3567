"""`liteinterp run`"""

from __future__ import annotations

import argparse
import hashlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import check_writable, read_model_bytes, write_whole
from ..tables import Table
from .console import Console

Array = npt.NDArray[Any]


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "run",
        parents=[common],
        help="run a .tflite on the C interpreter",
        description="Run a .tflite on the C interpreter, once per sample, and keep, hash or summarize its outputs.",
    )
    parser.add_argument("model", metavar="MODEL", help="the .tflite file")
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="SRC",
        help="FILE.npz (keys are input names), or NAME=FILE.npy for each input; axis 0 is samples",
    )
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs, keys are output names")
    parser.add_argument("--hash", action="store_true", help="print a SHA-256 of each output over all samples")
    parser.add_argument(
        "--isa",
        metavar="NAME",
        help="kernels to use, all give the same bytes: best, ref, sse41, avx2, avxvnni, avx512vnni, neon, dotprod",
    )
    parser.add_argument(
        "--packed-limit", type=int, metavar="BYTES", help="memory for rearranged weights (as much as speed gains from)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    from ..engines import said_open_dims, tflite_inputs
    from ..model_file import ModelFile
    from ..net import KEEP_INPUTS, ModelBytes, Net, Request
    from ..samples import Watched, open_samples

    if args.output:
        check_writable(args.output)
    content = read_model_bytes(args.model)
    model, file = ModelBytes(content), ModelFile(content)
    net = Net(model, Request(KEEP_INPUTS, args.isa, input_dims=said_open_dims(file), packed_limit=args.packed_limit))
    inputs = dict(zip((spec.name for spec in tflite_inputs(file)), net.inputs, strict=True))
    outputs = file.output_names()
    samples = open_samples(args.input, tflite_inputs(file))
    console.detail(f"kernels: {net.kernels}, arena {net.need.arena:,} bytes")
    results: dict[str, list[Array]] = {name: [] for name in outputs}
    with console.progress() as progress:
        for sample in Watched(samples, lambda done, count: progress("run", done, count)):
            for name, index in inputs.items():
                net.view(index)[...] = sample[name]
            net.run()
            for name, index in outputs.items():
                results[name].append(np.array(net.view(index)))
    stacked = {name: _stacked(rows) for name, rows in results.items()}
    if args.output:
        buffer = io.BytesIO()
        np.savez(buffer, **stacked)  # type: ignore[arg-type]
        write_whole(args.output, buffer.getvalue())
        console.say(f"wrote {args.output}")
    if args.hash:
        for name, array in stacked.items():
            console.result(f"{hashlib.sha256(array.tobytes()).hexdigest()}  {name}")
    elif not args.output:
        console.table(_summary(stacked))
    return 0


def _stacked(rows: list[Array]) -> Array:
    """Axis 0 is samples: outputs with a batch dimension of 1 are joined along it."""
    return np.concatenate(rows) if rows[0].shape[:1] == (1,) else np.stack(rows)


def _summary(outputs: dict[str, Array]) -> Table:
    rows = []
    for name, array in outputs.items():
        shape = "×".join(map(str, array.shape))
        spread = (f"{array.min():.6g}", f"{array.max():.6g}") if array.size else ("", "")
        rows.append((name, array.dtype.name, shape, *spread))
    return Table("", ("output", "type", "shape", "smallest", "largest"), tuple(rows), numeric_from=3)
