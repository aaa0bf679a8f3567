"""The door to the converter, and the only place here that knows it: a device installs the runtime alone.

It hands the pipeline samples that fit the model's inputs; the pipeline brings the runtime as its executor.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import BudgetError, MissingExtraError, UsageError
from .evaluation import Evaluation
from .files import check_writable, read_model_bytes, write_whole
from .gate import parse_bytes
from .samples import InputSpec, Samples, open_samples, preprocessing

if TYPE_CHECKING:
    import onnx

    from converter.pipeline import Conversion, InputNeed, Progress


#: From more samples than this the converter takes no more than it needs (converter/calibrate/stopping.py).
SETTLED_EARLIEST = 256


def convert(
    model: str | os.PathLike[str] | onnx.ModelProto,
    *,
    quantize: Literal["int8", "int16x8", "dynamic", "int8-weights", "int4-weights", "float16", "float32"] = "int8",
    calib: Any = None,
    io: Literal["float32", "int8", "uint8", "int16"] = "float32",
    effort: int = 1,
    adaround: bool = False,
    keep_float: Sequence[str] = (),
    keep_int16: Sequence[str] = (),
    max_drop: str | float | None = None,
    eval: Any = None,
    labels: Any = None,
    metric: Any = None,
    max_size: str | int | None = None,
    max_memory: str | int | None = None,
    keep_best: bool = False,
    input_shape: Mapping[str, Sequence[int]] | None = None,
    calib_n: int | None = None,
    preprocess: Any = None,
    fold_input: Any = None,
    workers: int = 1,
    cache: bool | str | os.PathLike[str] = False,
    report: str | os.PathLike[str] | None = None,
    pack: str | Sequence[str] = (),
    dump_after: str | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Turn a trained model (`.onnx`, a float `.tflite`, or an `onnx.ModelProto`) into a `.tflite`.

    `quantize` other than int8 needs no data: dynamic (int8 weights, activations quantized at run time), int8-weights,
    int4-weights and float16 (weights in fewer bits, float32 arithmetic), float32 (docs/QUANTIZATION.md).

    `calib` is a SRC (`liteinterp.samples`), a dict of input name to array (axis 0 is samples), or an iterable of dicts;
    int8 needs it. `effort` is 0, 1 or 2, `adaround` tries that rounding too (docs/QUANTIZATION.md). `calib_n` is the
    most samples to read.
    `preprocess` is a preset's name or a mapping of options (`liteinterp.preprocessing`). `fold_input` makes the input
    take bytes, uint8 or with io int8 less 128: True folds the numbers of `preprocess` into the model, a preset or a
    mapping its own. `workers` processes run the calibration samples (joblib). `cache` keeps their statistics for the
    next conversion of the same model with the same samples: True in the user's cache folder, or a folder. `report` is a
    path for the report as JSON, `output` a path that is only checked, so that one that cannot be written is found
    before the work. `pack` names targets, x86-64-avx2 say, whose packed weights go into the file beside the plain ones
    (docs/FORMAT.md); `packed` adds them to a finished file.

    `keep_int16` names operators of an int8 model that compute with int16 activations in the same way.
    `keep_float` are globs: operators with these names in the source, or whose results have them, stay in float32.

    `max_drop` (1 is one point of the metric, "1%" one per cent of the float model's figure) is measured on `eval`, a
    SRC like `calib`, whose samples must not calibrate; `labels` are their classes; `metric` is "top1", "agreement",
    "sqnr", "module:function" or a function (liteinterp/task_metrics.py). `max_size` and `max_memory` limit
    the file, and arena and state together: bytes, or text like "200K" or "1M". Where a budget is not shown to be met,
    BudgetError tells so, with the best that was found; with `keep_best` that is returned instead, and `.report.budget`
    tells.

    The result has `.model` (bytes), `.report` and `.save(path)`. Raises UsageError (exit status 2) and
    the converter's errors, which carry `exit_status` too.
    """
    if quantize in ("int8", "int16x8") and calib is None:
        raise UsageError(
            "int8 needs calibration data: give calib (--calib SRC), some 100 samples of what the model will see; or "
            "quantize='float32' (--quantize float32) to convert without quantizing"
        )
    if report is not None:
        check_writable(report)
    evaluation = _evaluation(quantize, max_drop, eval, labels, metric, preprocess)
    pipeline, options_module = _load()
    options = options_module.Options(
        quantize=quantize,
        io=io,
        effort=effort,
        adaround=adaround,
        input_shape=dict(input_shape or {}),
        calib_n=calib_n,
        fold_input=_folded_numbers(fold_input, preprocess),
        workers=workers,
        cache=None if cache is False else "" if cache is True else os.fspath(cache),
        dump_after=dump_after,
        pack=(pack,) if isinstance(pack, str) else tuple(pack),
        keep_int16=(keep_int16,) if isinstance(keep_int16, str) else tuple(keep_int16),
        keep_float=(keep_float,) if isinstance(keep_float, str) else tuple(keep_float),
        max_size=parse_bytes(max_size, "max_size"),
        max_memory=parse_bytes(max_memory, "max_memory"),
    )

    def samples(needs: Sequence[InputNeed]) -> Samples:
        specs = [InputSpec(need.name, tuple(need.shape), np.dtype(need.dtype)) for need in needs]
        samples = open_samples(calib, specs, calib_n, preprocess)
        return samples if calib_n is not None else samples.evenly(SETTLED_EARLIEST)

    source = Path(model) if isinstance(model, str | os.PathLike) else model
    if isinstance(source, Path) and not source.is_file():
        raise UsageError(f"Could not open {str(source)!r}: no such file")
    with _needs_extra():
        conversion: Conversion = pipeline.convert(
            source,
            options,
            None if calib is None else samples,
            output=output,
            progress=progress,
            evaluation=evaluation,
        )
    if report is not None:
        write_whole(report, conversion.report.to_json().encode())
    outcome = conversion.report.budget
    if outcome is not None and outcome.exit_status and not keep_best:
        raise BudgetError(outcome.status, outcome.sentence, outcome.exit_status, conversion)
    return conversion


def packed(model: str | os.PathLike[str], targets: str | Sequence[str]) -> bytes:
    """A finished `.tflite` with packed weights for targets beside the plain ones, every other byte as it is.

    Raises UsageError for a file that cannot be read, and the converter's errors, which carry `exit_status` too.
    """
    content = read_model_bytes(model)
    result: bytes = _load()[0].pack(content, (targets,) if isinstance(targets, str) else tuple(targets))
    return result


def _evaluation(quantize: str, max_drop: Any, src: Any, labels: Any, metric: Any, preprocess: Any) -> Evaluation | None:
    """Raises UsageError where one option lacks another."""
    if max_drop is None:
        given = [name for name, value in (("eval", src), ("metric", metric), ("labels", labels)) if value is not None]
        if given:
            raise UsageError(f"{given[0]} (--{given[0]}) says how to measure a loss: give max_drop (--max-drop) too")
        return None
    if src is None:
        raise UsageError(
            "max_drop needs samples to measure on: give eval (--eval SRC), others than those that calibrate"
        )
    if quantize == "float32":
        raise UsageError("max_drop is for quantized models: float32 loses nothing")
    return Evaluation(src, max_drop, labels, metric, preprocess)


def _folded_numbers(given: Any, preprocess: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Factors and summands of the normalisation that goes into the model. Raises UsageError where there is none."""
    if given is None or given is False:
        return None
    how = preprocessing(preprocess if given is True else given)
    if not how.normalises:
        raise UsageError(
            "fold_input (--fold-input) puts mean and std into the model: say which, by preset (--preset) or mean, std "
            "and scale (--mean, --std, --scale)"
        )
    return how.affine()


def onnx_operators() -> Iterable[str]:
    """Names of the ONNX operators that can be converted. Raises MissingExtraError."""
    with _needs_extra():
        from converter.frontends.onnx import supported_operators

    return tuple(supported_operators())


def stages() -> tuple[str, ...]:
    """Names for `dump_after`."""
    return tuple(_load()[0].STAGES)


def _load() -> tuple[Any, Any]:
    """The converter's pipeline and options. Raises MissingExtraError."""
    with _needs_extra():
        from converter import options, pipeline
    return pipeline, options


@contextmanager
def _needs_extra() -> Iterator[None]:
    """A package that is not installed is told with what installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("converter", "liteinterp"):
            raise
        raise MissingExtraError("converting a model", name, "convert") from error
