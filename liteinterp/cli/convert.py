"""`liteinterp convert`"""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import UsageError
from ..files import check_writable, write_whole
from ..preprocessing import PRESETS
from .console import Console
from .preprocessing import add_preprocessing, given_preprocessing


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "convert",
        parents=[common],
        help="turn a trained model into a .tflite",
        description="Turn a trained model (.onnx, or a float .tflite) into a .tflite, quantized to int8 unless told "
        "otherwise. SRC is an .npz file (keys are input names, axis 0 is samples), file.npz:key, an .npy file, a "
        "folder of those, of images or of .wav files, a list of files (.txt), py:module:callable, or random:. Arrays "
        "are in the layout of the model's inputs.",
    )
    parser.add_argument("model", metavar="MODEL", help="the .onnx or .tflite file")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.tflite", help="the file to write")
    parser.add_argument(
        "--quantize",
        choices=("int8", "int16x8", "dynamic", "int8-weights", "int4-weights", "float16", "float32"),
        help="int8 (default where --calib is given) and int16x8 (int16 activations, int8 weights) need --calib; the "
        "others need no data: dynamic (int8 weights, "
        "activations quantized at run time), int8-weights, int4-weights and float16 (weights in fewer bits, float32 "
        "arithmetic), float32",
    )
    parser.add_argument(
        "--calib", action="append", metavar="SRC", help="calibration data; NAME=SRC, repeated, for several inputs"
    )
    parser.add_argument("--calib-n", type=_count, metavar="N", help="read at most N samples")
    parser.add_argument(
        "--effort",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="what is tried for accuracy: 0 min-max ranges and bias correction; 1 (default) also searched ranges and "
        "weight scales; 2 also second-order rounding. What does not help on held-out samples is taken back",
    )
    parser.add_argument(
        "--adaround",
        action="store_true",
        help="try AdaRound beside second-order rounding, at any effort; int4-weights does at effort 2 by itself",
    )
    parser.add_argument(
        "--io",
        choices=("float32", "int8", "uint8", "int16"),
        default="float32",
        help="type of inputs and outputs (float32); int16 with --quantize int16x8",
    )
    parser.add_argument(
        "--keep-float",
        action="append",
        default=[],
        metavar="GLOB",
        help="operators that stay in float32, by their names in the source model; can be given several times",
    )
    parser.add_argument(
        "--keep-int16",
        action="append",
        default=[],
        metavar="GLOB",
        help="operators of an int8 model that get int16 activations, or float32 where they have no int16 form",
    )
    _add_budget(parser)
    parser.add_argument(
        "--input-shape",
        action="append",
        default=[],
        metavar="NAME=1,3,224,224",
        help="shape of an input whose dimensions the model leaves open",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that run calibration samples (1); -1: every core"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="neither use nor keep statistics of earlier runs in ~/.cache/liteinterp"
    )
    parser.add_argument("--report", metavar="FILE.json", help="write what was done as JSON; - for stdout")
    parser.add_argument(
        "--pack",
        metavar="TARGET,...",
        help="also store the weights packed for x86-64-sse41, x86-64-avx2, x86-64-avxvnni, x86-64-avx512vnni, "
        "aarch64-neon or aarch64-dotprod, which opens faster there; a .tflite without --calib and --quantize stays as "
        "it is but for that",
    )
    parser.add_argument(
        "--dump-after", metavar="STAGE", help="also write the graph as it is after load, passes or quantize"
    )
    parser.add_argument(
        "--fold-input",
        nargs="?",
        const="mean,std",
        choices=("mean,std", *PRESETS),
        help="the model takes the camera's bytes, uint8, or with --io int8 less 128: mean, std and scale as given "
        "below, or those of a preset, go into its first layer",
    )
    add_preprocessing(parser)
    parser.set_defaults(run=run)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    budget = parser.add_argument_group(
        "budgets",
        "The cheapest mixture of int8 and more precise operators that keeps within the limits. Exit status 4 when none "
        "does, 6 when the samples cannot decide; then nothing is written but the report.",
    )
    budget.add_argument(
        "--max-drop",
        metavar="N",
        help="the most that may be lost against the float model: 1 is one point of the metric, 1%% one per cent of the "
        "float model's figure; met only where that holds with 95 %% confidence",
    )
    budget.add_argument(
        "--eval", action="append", metavar="SRC", help="samples to measure on, others than those of --calib"
    )
    budget.add_argument("--labels", metavar="F", help="their classes: .npy, .npz[:key], or text with one number a line")
    budget.add_argument(
        "--metric",
        metavar="M",
        help="top1 (needs --labels), agreement, sqnr, or module:function, called with outputs and labels; default: "
        "top1 with labels, else agreement for class probabilities, else sqnr",
    )
    budget.add_argument("--max-size", metavar="BYTES", help="the largest file, 200K say")
    budget.add_argument("--max-memory", metavar="BYTES", help="the most that arena and state may take together")
    budget.add_argument(
        "--keep-best", action="store_true", help="write the best that was found also when the budget is not met"
    )


def run(args: argparse.Namespace, console: Console) -> int:
    from ..convert import convert

    pack = args.pack.split(",") if args.pack else []
    if args.quantize is None and args.calib is None:
        if pack and args.model.endswith(".tflite"):
            return _pack(args, pack, console)
        raise UsageError(
            "say how to convert: --calib SRC gives int8, calibrated with some 100 samples of what the model will see; "
            "--quantize float32 converts without quantizing"
        )
    check_writable(args.output)
    to_stdout = args.report == "-"
    with console.progress() as progress:
        conversion = convert(
            args.model,
            quantize=args.quantize or "int8",
            calib=args.calib,
            io=args.io,
            effort=args.effort,
            adaround=args.adaround,
            keep_float=args.keep_float,
            keep_int16=args.keep_int16,
            max_drop=args.max_drop,
            eval=args.eval,
            labels=args.labels,
            metric=args.metric,
            max_size=args.max_size,
            max_memory=args.max_memory,
            keep_best=args.keep_best,
            input_shape=dict(parse_shape(text) for text in args.input_shape),
            calib_n=args.calib_n,
            fold_input=True if args.fold_input == "mean,std" else args.fold_input,
            workers=args.workers,
            cache=not args.no_cache,
            preprocess=given_preprocessing(args),
            report=None if to_stdout else args.report,
            pack=pack,
            dump_after=args.dump_after,
            output=args.output,
            progress=progress,
        )
        conversion.save(args.output)
    if to_stdout:
        console.result(conversion.report.to_json().rstrip())
    elif not console.quiet:
        console.result(conversion.report.to_text().rstrip())
    console.say(f"wrote {args.output} ({len(conversion.model):,} bytes)")
    budget = conversion.report.budget
    return 0 if budget is None else budget.exit_status


def _pack(args: argparse.Namespace, targets: list[str], console: Console) -> int:
    """Only add packed weights to a finished file."""
    from ..convert import packed

    target = check_writable(args.output)
    content = packed(args.model, targets)
    write_whole(target, content)
    console.say(f"wrote {args.output} ({len(content):,} bytes), with weights packed for {', '.join(targets)}")
    return 0


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=1,3,224,224`. Raises UsageError."""
    name, equals, dims = text.rpartition("=")
    parts = dims.replace("x", ",").split(",")
    if not equals or not name or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--input-shape {text!r} must be NAME=1,3,224,224, whole numbers of at least 1")
    return name, tuple(int(part) for part in parts)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
