"""Budgets from the command line: each exit status, what is written, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import liteinterp
from liteinterp import cli
from liteinterp.errors import BudgetError

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path: Path, digits: Path) -> Path:
    with np.load(digits / "digits.npz") as data:
        np.savez(tmp_path / "calib.npz", image=data["calibration"])
        np.savez(tmp_path / "eval.npz", image=data["test"], labels=data["labels"])
        np.savez(tmp_path / "few.npz", image=data["test"][:20], labels=data["labels"][:20])
    return tmp_path


def convert(work: Path, digits: Path, *options: object) -> tuple[int, dict[str, Any]]:
    """Exit status and the report's budget."""
    arguments = ["convert", digits / "digits.onnx", "-o", work / "m.tflite", "--calib", work / "calib.npz"]
    status = cli.main([str(a) for a in [*arguments, "--effort", 0, "--report", work / "r.json", *options]])
    return status, json.loads((work / "r.json").read_text())["budget"]


def test_int8_that_loses_little_is_taken(work: Path, digits: Path) -> None:
    options = ["--max-drop", 2, "--eval", work / "eval.npz", "--labels", work / "eval.npz"]
    status, budget = convert(work, digits, *options)
    assert status == 0 and (work / "m.tflite").exists()
    assert budget["status"] == "met" and budget["metric"] == "top-1 accuracy" and not budget["raised"]
    assert budget["drop"] <= budget["drop_high"] <= budget["allowed"] == 2 and len(budget["trials"]) == 1


def test_more_precision_is_bought_where_it_is_needed(work: Path, digits: Path) -> None:
    """What a file of mixed precision says is measured anew."""
    options = ["--max-drop", 0.45, "--eval", work / "eval.npz", "--metric", "sqnr"]
    status, budget = convert(work, digits, *options)
    assert status == 0 and budget["status"] == "met" and budget["raised"]
    first, last = budget["trials"][0], budget["trials"][-1]
    assert first["drop"] > 0.45 >= last["drop_high"] and last["int8"] < first["int8"]
    with np.load(work / "eval.npz") as data:
        drift = liteinterp.compare(digits / "digits.onnx", work / "m.tflite", {"image": data["image"]})
    assert drift.outputs[0].error.noise_percent == pytest.approx(budget["drop"], rel=1e-3)


def test_limits_that_exclude_each_other_exit_4(work: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = liteinterp.convert(digits / "digits.onnx", calib=str(work / "calib.npz"), effort=0).model
    options = ["--max-drop", 0.2, "--eval", work / "eval.npz", "--metric", "sqnr", "--max-size", len(plain) + 500]
    status, budget = convert(work, digits, *options)
    assert status == 4 and budget["status"] == "missed" and not (work / "m.tflite").exists()
    assert "exceed the limits of size" in budget["sentence"] and "nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--max-size", "--max-memory"])
def test_a_size_that_int8_exceeds_exits_4(option: str, work: Path, digits: Path) -> None:
    status, budget = convert(work, digits, option, "1K")
    assert status == 4 and "1,024 allowed" in budget["sentence"] and not (work / "m.tflite").exists()
    assert convert(work, digits, option, "1M")[0] == 0 and (work / "m.tflite").exists()


def test_few_samples_exit_6_and_say_how_many_would_do(work: Path, digits: Path) -> None:
    options = ["--max-drop", 1, "--eval", work / "few.npz", "--labels", work / "few.npz"]
    status, budget = convert(work, digits, *options)
    assert status == 6 and budget["status"] == "undecided" and not (work / "m.tflite").exists()
    assert budget["samples"] == 20 and 100 < budget["samples_needed"] < 10_000


def test_the_best_is_written_on_request(work: Path, digits: Path) -> None:
    options = ["--max-drop", 1, "--eval", work / "few.npz", "--labels", work / "few.npz", "--keep-best"]
    assert convert(work, digits, *options)[0] == 6
    assert liteinterp.Interpreter(model_path=work / "m.tflite").get_input_details()[0]["dtype"] is np.float32


def test_python_has_it_too(work: Path, digits: Path) -> None:
    with np.load(work / "few.npz") as data:
        samples, labels = {"image": data["image"]}, data["labels"]
    with pytest.raises(BudgetError, match="undecided") as caught:
        liteinterp.convert(
            digits / "digits.onnx", calib=str(work / "calib.npz"), max_drop="1%", eval=samples, labels=labels, effort=0
        )
    assert caught.value.exit_status == 6
    assert caught.value.conversion.report.budget.samples == 20  # type: ignore[attr-defined]


def test_options_that_belong_together(work: Path, digits: Path) -> None:
    for options, words in (
        ({"max_drop": 1}, "give eval"),
        ({"eval": str(work / "few.npz")}, "give max_drop"),
        ({"max_drop": 1, "eval": str(work / "calib.npz")}, "sample 0: is one of the 100 that calibrate"),
        ({"max_drop": 1, "eval": str(work / "few.npz"), "quantize": "float32"}, "loses nothing"),
    ):
        with pytest.raises(Exception, match=words) as caught:
            liteinterp.convert(digits / "digits.onnx", calib=str(work / "calib.npz"), **options)  # type: ignore[arg-type]
        assert getattr(caught.value, "exit_status", None) == 2


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_integer_inputs_and_outputs_find_the_same_mixture(io: str, work: Path, digits: Path) -> None:
    options = ["--max-drop", 0.45, "--eval", work / "eval.npz", "--metric", "sqnr"]
    plain, integer = (convert(work, digits, *options, *more)[1] for more in ([], ["--io", io]))
    assert plain["raised"] == integer["raised"]


def test_a_mode_without_a_choice_is_measured_all_the_same(work: Path, digits: Path) -> None:
    options = ["--quantize", "dynamic", "--eval", work / "eval.npz", "--metric", "sqnr", "--max-drop"]
    assert convert(work, digits, *options, 5)[1]["status"] == "met"
    status, budget = convert(work, digits, *options, 0.01)
    assert (status, budget["status"], budget["trials"]) == (4, "missed", [])
