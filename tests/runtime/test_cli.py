"""The command line: exit statuses, what goes to stdout, and that nothing half-written stays behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import chain

import liteinterp
from liteinterp import cli

Outcome = tuple[int, str, str]
Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process: exit status, stdout, stderr."""

    def call(*arguments: object) -> Outcome:
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as leave:
            status = int(leave.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def work(tmp_path: Path, int8_model: bytes, digits: Path) -> Path:
    """A folder with a small model, data for it, and calibration data for the demo's network."""
    (tmp_path / "m.tflite").write_bytes(int8_model)
    random = np.random.default_rng(1)
    np.savez(tmp_path / "x.npz", t0=random.integers(-128, 128, (5, 7, 5, 3)).astype(np.int8))
    with np.load(digits / "digits.npz") as data:
        np.savez(tmp_path / "calib.npz", image=data["calibration"])
        np.savez(tmp_path / "test.npz", image=data["test"][:100], labels=data["labels"][:100])
    return tmp_path


def one_paragraph(message: str) -> bool:
    lines = [line for line in message.strip().splitlines() if line]
    return len(lines) == 1 and lines[0].startswith("liteinterp: error: ") and "Traceback" not in message


# --- the command itself ---


def test_version_and_help_go_to_stdout(command: Command) -> None:
    status, out, _ = command("--version")
    assert (status, out.strip()) == (0, f"liteinterp {liteinterp.__version__}")
    assert re.fullmatch(r"\d+\.\d+\.\d+", liteinterp.__version__)
    status, out, _ = command("--help")
    assert status == 0 and all(verb in out for verb in ("convert", "run", "inspect", "compare", "bench", "demo"))


@pytest.mark.parametrize("verb", ["convert", "run", "inspect", "compare", "bench", "demo"])
def test_every_verb_explains_itself(verb: str, command: Command) -> None:
    status, out, _ = command(verb, "--help")
    assert status == 0 and f"liteinterp {verb}" in out


@pytest.mark.parametrize("arguments", [[], ["no-such-verb"], ["run"], ["convert", "m.onnx"], ["inspect", "--no-such"]])
def test_wrong_arguments_exit_2(arguments: list[str], command: Command) -> None:
    status, out, err = command(*arguments)
    assert status == 2 and out == "" and "usage:" in err


def test_the_version_is_that_of_the_library() -> None:
    from liteinterp import net

    assert net.version() == liteinterp.__version__


def test_a_bug_of_ours_is_called_one(command: Command, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("liteinterp.inspect.inspect", broken)
    status, _, err = command("inspect", work / "m.tflite")
    assert status == 1 and "bug in liteinterp" in err and "ZeroDivisionError: by zero" in err and "Traceback" not in err
    assert "Traceback" in command("-v", "inspect", work / "m.tflite")[2]


# --- bad input: one paragraph, the documented status, no file ---


#: Name -> exit status, command line, words of the message. {w} is the folder of `bad`, {d} that of the demo.
CASES = {
    "no model": (2, "inspect {w}/none.tflite", "none.tflite"),
    "an ONNX model": (2, "inspect {d}/digits.onnx", "convert it first"),
    "garbage": (5, "inspect {w}/garbage.tflite", "not a valid Flatbuffer"),
    "truncated": (5, "run {w}/cut.tflite --input {w}/x.npz", "not a valid Flatbuffer"),
    "operators that we lack": (3, "run {w}/lacks.tflite --input {w}/x.npz", "lacks: CUMSUM, COS"),
    "kernels that do not exist": (2, "run {w}/m.tflite --input {w}/x.npz --isa z80", "z80"),
    "data for another input": (2, "run {w}/m.tflite --input {w}/calib.npz", "has no array for input"),
    "outputs into no folder": (2, "run {w}/m.tflite --input {w}/x.npz -o {w}/no/o.npz", "does not exist"),
    "nothing said": (2, "convert {d}/digits.onnx -o {w}/o.tflite", "--calib SRC"),
    "int8 without data": (2, "convert {d}/digits.onnx -o {w}/o.tflite --quantize int8", "needs calibration data"),
    "output is a folder": (2, "convert {d}/digits.onnx -o {w} --calib {w}/calib.npz", "is a folder"),
    "output in no folder": (2, "convert {d}/digits.onnx -o {w}/no/o.tflite --calib {w}/calib.npz", "does not exist"),
    "report in no folder": (
        2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/calib.npz --report {w}/no/r.json", "does not exist",
    ),
    "no model to convert": (2, "convert {w}/none.onnx -o {w}/o.tflite --calib {w}/calib.npz", "none.onnx"),
    "a shape that is none": (
        2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/calib.npz --input-shape image=1,-3", "--input-shape",
    ),
    "a stage that is none": (
        2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/calib.npz --dump-after lunch", "lunch",
    ),
    "garbage to convert": (5, "convert {w}/garbage.onnx -o {w}/o.tflite --calib {w}/calib.npz", "neither an ONNX"),
    "NaN in the data": (2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/nan.npz", "NaN"),
    "data of the wrong shape": (2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/shape.npz", "1×8×9"),
    "data of the wrong name": (2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/name.npz", "'picture'"),
    "data of the wrong type": (2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/complex.npz", "complex64"),
    "no such data": (2, "convert {d}/digits.onnx -o {w}/o.tflite --calib {w}/nothing.npz", "nothing.npz"),
    "operators that do not convert": (3, "convert {w}/lacks.onnx -o {w}/o.tflite --calib {w}/calib.npz", "the_loop"),
    "a limit that is none": (
        2, "compare {d}/digits.onnx {d}/digits.onnx --data {w}/test.npz --max-drop much", "max-drop",
    ),
    "a reference that is none": (5, "compare {w}/garbage.onnx {d}/digits.onnx --data {w}/test.npz", "garbage.onnx"),
}  # fmt: skip


@pytest.fixture
def bad(work: Path, int8_model: bytes) -> Path:
    """`work`, with everything that a user may get wrong."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to make models")
    (work / "garbage.tflite").write_bytes(b"this is no model, whatever its name says")
    (work / "garbage.onnx").write_bytes(b"this is no model either")
    (work / "cut.tflite").write_bytes(int8_model[: len(int8_model) // 2])
    (work / "lacks.tflite").write_bytes(chain("RELU", "CUMSUM", "COS").bytes())
    nodes = [onnx.helper.make_node("NonZero", ["image"], ["n"], name="the_loop")]
    nodes.append(onnx.helper.make_node("Cast", ["n"], ["y"], to=1))
    ends = [onnx.helper.make_tensor_value_info("image", 1, [1, 1, 8, 8])]
    outputs = [onnx.helper.make_tensor_value_info("y", 1, ["rank", "count"])]
    graph = onnx.helper.make_graph(nodes, "g", ends, outputs)
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), work / "lacks.onnx")
    np.savez(work / "nan.npz", image=np.full((4, 1, 8, 8), np.nan, np.float32))
    np.savez(work / "shape.npz", image=np.zeros((4, 1, 8, 9), np.float32))
    np.savez(work / "name.npz", picture=np.zeros((4, 1, 8, 8), np.float32), photo=np.zeros((4, 1, 8, 8), np.float32))
    np.savez(work / "complex.npz", image=np.zeros((4, 1, 8, 8), np.complex64))
    return work


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_paragraph_and_its_status(case: str, command: Command, bad: Path, digits: Path) -> None:
    expected, line, words = CASES[case]
    before = sorted(bad.rglob("*"))
    status, out, err = command(*(part.format(w=bad, d=digits) for part in line.split()))
    assert (status, out) == (expected, ""), err
    assert one_paragraph(err) and words in err, err
    assert sorted(bad.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody may write to")
def test_an_unwritable_folder_is_found_before_the_work(command: Command, digits: Path) -> None:
    status, _, err = command("convert", digits / "digits.onnx", "-o", "/proc/o.tflite", "--calib", "no/such.npz")
    assert status == 2 and "cannot write" in err and "such.npz" not in err


def test_an_interrupt_leaves_nothing(command: Command, work: Path, digits: Path) -> None:
    """The third calibration sample presses Ctrl-C, which whoever started the tests may have had ignored."""
    (work / "data.py").write_text(
        "import os, signal\nimport numpy as np\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def make():\n"
        "    for i in range(10):\n"
        "        if i == 2: os.kill(os.getpid(), signal.SIGINT)\n"
        "        yield {'image': np.zeros((1, 1, 8, 8), np.float32)}\n"
    )
    before = sorted(path for path in work.rglob("*") if "__pycache__" not in str(path))
    arguments = ["convert", str(digits / "digits.onnx"), "-o", str(work / "o.tflite")]
    arguments += ["--calib", f"py:{work / 'data.py'}:make", "--report", str(work / "r.json")]
    status, out, err = command(*arguments)
    assert (status, out) == (130, "") and "interrupted" in err and "Traceback" not in err
    assert sorted(path for path in work.rglob("*") if "__pycache__" not in str(path)) == before


# --- run ---


def test_run_keeps_what_the_interpreter_gives(command: Command, work: Path, int8_model: bytes) -> None:
    status, out, err = command("run", work / "m.tflite", "--input", work / "x.npz", "-o", work / "y.npz")
    assert (status, out) == (0, "") and "y.npz" in err
    interpreter = liteinterp.Interpreter(model_content=int8_model)
    interpreter.allocate_tensors()
    source, target = (d[0] for d in (interpreter.get_input_details(), interpreter.get_output_details()))
    with np.load(work / "x.npz") as data, np.load(work / "y.npz") as found:
        (name,) = found.files
        assert found[name].shape == (5, 4)
        for row, got in zip(data["t0"], found[name], strict=True):
            interpreter.set_tensor(source["index"], row[None])
            interpreter.invoke()
            np.testing.assert_array_equal(interpreter.get_tensor(target["index"])[0], got)


def test_hashes_are_the_same_with_every_kernel_set(command: Command, work: Path) -> None:
    np.save(work / "x.npy", np.load(work / "x.npz")["t0"])
    outputs = {
        command("run", work / "m.tflite", "--input", f"t0={work / 'x.npy'}", "--hash", "--isa", *isa.split())[:2]
        for isa in ("best", "ref", "best --packed-limit 0")
    }
    ((status, out),) = outputs
    assert status == 0 and re.fullmatch(r"[0-9a-f]{64}  \S+\n", out)


def test_run_without_more_summarizes(command: Command, work: Path) -> None:
    status, out, _ = command("run", work / "m.tflite", "--input", work / "x.npz")
    assert status == 0 and "int8" in out and "5×4" in out


# --- inspect ---


def test_inspect_counts_what_is_there(command: Command, work: Path) -> None:
    status, out, err = command("inspect", work / "m.tflite", "--json")
    found = json.loads(out)
    assert (status, err, found["schema"]) == (0, "", "liteinterp.inspection/1")
    assert {row["name"]: row["count"] for row in found["operators"]} == dict.fromkeys(
        ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "SOFTMAX"), 1
    )
    assert found["macs"] == 7 * 5 * 5 * 3 * 3 * 3 + 7 * 5 * 5 * 3 * 3 + 4 * 5
    assert found["memory"]["ref"]["scratch"] == 0
    assert found["memory"]["ref"]["arena"] >= found["memory"]["ref"]["arena_lower_bound"] > 0
    assert {row["runtime"]: row["loads"] for row in found["runtimes"]} == {
        "liteinterp": True, "LiteRT": True, "TFLite Micro": True,
    }  # fmt: skip


def test_inspect_describes_what_does_not_run(command: Command, work: Path) -> None:
    (work / "lacks.tflite").write_bytes(chain("RELU", "CUMSUM").bytes())
    status, out, _ = command("inspect", work / "lacks.tflite")
    assert status == 0 and "CUMSUM" in out and "loads in liteinterp: no" in out


def test_inspect_lists_operators(command: Command) -> None:
    status, out, _ = command("inspect", "--operators")
    assert status == 0 and "CONV_2D" in out and "BatchNormalization" in out
    assert "Conv" in json.loads(command("inspect", "--operators", "--json")[1])["onnx"]


# --- convert, compare, demo: the whole way ---


def test_convert_then_compare(command: Command, work: Path, digits: Path) -> None:
    model = work / "digits.tflite"
    status, out, err = command(
        "convert", digits / "digits.onnx", "-o", model, "--calib", work / "calib.npz", "--report", work / "r.json"
    )
    assert status == 0 and "int8" in out and str(model) in err
    assert json.loads((work / "r.json").read_text())["schema"] == "liteinterp.report/1"
    compare = ["compare", digits / "digits.onnx", model, "--data", work / "test.npz", "--labels", work / "test.npz"]
    status, out, _ = command(*compare, "--max-drop", "1", "--json", work / "d.json")
    assert status == 0 and "PASS: top-1 accuracy" in out
    found = json.loads((work / "d.json").read_text())
    assert found["samples"] == 100 and len(found["layers"]) >= 4
    assert all(row["error"]["sqnr_db"] is None or row["error"]["sqnr_db"] > 20 for row in found["layers"])


def test_a_gate_that_is_not_met_exits_4(command: Command, work: Path, digits: Path) -> None:
    model = work / "digits.tflite"
    (work / "bad.py").write_text(
        "import numpy as np\nmake = [{'image': np.linspace(0, 0.01, 64, dtype='f4').reshape(1, 1, 8, 8)}] * 2\n"
    )
    assert command("convert", digits / "digits.onnx", "-o", model, "--calib", f"py:{work / 'bad.py'}:make")[0] == 0
    compare = ["compare", digits / "digits.onnx", model, "--data", work / "test.npz", "--max-drop", "0.5%"]
    status, out, err = command(*compare, "--json", "-")
    assert status == 4 and json.loads(out)["verdict"]["status"] == "fail" and "FAIL" in err


def test_float32_converts_without_data(command: Command, work: Path, digits: Path) -> None:
    model = work / "float.tflite"
    assert command("convert", digits / "digits.onnx", "-o", model, "--quantize", "float32", "-q")[1:] == ("", "")
    compare = ["compare", digits / "digits.onnx", model, "--data", work / "test.npz", "--json", "-"]
    assert json.loads(command(*compare)[1])["outputs"][0]["error"]["sqnr_db"] > 100


def test_a_report_on_stdout_is_json_alone(command: Command, work: Path, digits: Path) -> None:
    model = work / "digits.tflite"
    arguments = ["convert", digits / "digits.onnx", "-o", model, "--calib", work / "calib.npz", "--report", "-"]
    assert json.loads(command(*arguments)[1])["schema"] == "liteinterp.report/1"


def test_demo_tells_the_whole_story_from_any_folder(tmp_path: Path, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-m", "liteinterp", "demo", "-o", str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "PASS: top-1 accuracy" in done.stdout and "the same bytes" in done.stdout and "read as" in done.stdout
    assert (tmp_path / "digits.int8.tflite").stat().st_size < 20_000


@pytest.mark.parametrize("missing", ["onnx", "flatbuffers"])
def test_without_the_extra_convert_says_what_installs_it(missing: str, repository: Path, digits: Path) -> None:
    """As if the package were not installed: its import fails."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from liteinterp.cli import main\n"
        f"sys.exit(main(['convert', {str(digits / 'digits.onnx')!r}, '-o', 'o.tflite', '--calib', 'random:']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and f"package '{missing}'" in done.stderr and "liteinterp[convert]" in done.stderr
