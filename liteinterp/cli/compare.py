"""`liteinterp compare`"""

from __future__ import annotations

import argparse
from typing import Any

from ..files import check_writable, write_whole
from .console import Console
from .preprocessing import add_preprocessing, given_preprocessing


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    from ..engines import ENGINES

    parser = verbs.add_parser(
        "compare",
        parents=[common],
        help="how far a model is from its reference, output by output and layer by layer",
        description="Run the same data through two models and measure outputs and every layer that they share. An "
        ".onnx runs in ONNX Runtime (else onnx.reference), a .tflite here. Exit status 4 when --max-drop is not met.",
    )
    parser.add_argument("ref", metavar="REF", help="the reference, .onnx or .tflite")
    parser.add_argument("test", metavar="TEST", help="the model to judge, .onnx or .tflite")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="SRC",
        help="samples in the layout of REF's inputs; NAME=SRC, repeated, for several inputs",
    )
    parser.add_argument("--labels", metavar="F", help="right classes: .npy, .npz[:key], or text with one number a line")
    parser.add_argument(
        "--max-drop",
        metavar="N",
        help="the most that may be lost: 1 is one point of the metric, 1%% one per cent of REF's figure. The metric is "
        "top-1 accuracy with labels, else top-1 agreement for class probabilities, else the error in per cent of the "
        "signal (SQNR)",
    )
    parser.add_argument("--ref-engine", choices=ENGINES, default="auto", help="what runs REF (auto)")
    parser.add_argument("--json", metavar="F", help="write the figures as JSON; - for stdout")
    parser.add_argument(
        "--allow-calibration-data",
        action="store_true",
        help="go on where samples calibrated TEST; otherwise that is refused, exit status 2: figures on them flatter",
    )
    add_preprocessing(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    from ..compare import compare

    to_stdout = args.json == "-"
    if args.json and not to_stdout:
        check_writable(args.json)
    with console.progress() as progress:
        drift = compare(
            args.ref,
            args.test,
            args.data,
            labels=args.labels,
            max_drop=args.max_drop,
            ref_engine=args.ref_engine,
            allow_calibration_data=args.allow_calibration_data,
            preprocess=given_preprocessing(args),
            progress=lambda done, count: progress("compare", done, count),
        )
    if args.json and not to_stdout:
        write_whole(args.json, drift.to_json().encode())
    if to_stdout:
        console.result(drift.to_json().rstrip())
        console.say(drift.verdict.sentence)
        return drift.exit_status
    console.result(drift.heading())
    for table in drift.tables(everything=console.verbose):
        console.result("")
        console.table(table)
    console.result("")
    for line in drift.closing():
        console.result(line)
    return drift.exit_status
