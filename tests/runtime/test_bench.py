"""`bench`: the same data for every engine, turns that mix, figures that are those of the calls."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import ModelMaker, chain

import liteinterp
from liteinterp import cli, contenders
from liteinterp.contenders import Drawn, parse_peers
from liteinterp.errors import UsageError
from liteinterp.fitting import InputSpec
from liteinterp.model_file import ModelFile
from liteinterp.net import KEEP_INPUTS, ModelBytes, Net, Request
from liteinterp.peak import Peak
from liteinterp.timing import Budget, interleaved, pinned, statistics

IMAGE = InputSpec("x", (1, 4, 5, 3), np.dtype(np.int8), 0.5, -3)
PEERS = {"litert": "ai_edge_litert", "onnxruntime": "onnxruntime"}


@pytest.fixture(scope="module")
def small(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's network in int8."""
    path = tmp_path_factory.mktemp("bench") / "digits.tflite"
    with np.load(digits / "digits.npz") as data:
        calibration = {"image": data["calibration"]}
    liteinterp.convert(digits / "digits.onnx", calib=calibration).save(path)
    return path


# --- timing ---


def test_statistics_of_known_times() -> None:
    found = statistics(np.array([4000, 1000, 3000, 2000, 5000], np.int64))
    assert (found.runs, found.minimum_us, found.median_us) == (5, 1.0, 3.0)
    assert found.spread == pytest.approx((4.0 - 2.0) / 3.0)
    assert 4.0 < found.p95_us <= 5.0


def test_turns_of_the_engines_mix() -> None:
    """No engine has all its calls before another one's: whatever slows the machine down for a while hits all."""
    order: list[int] = []
    calls: list[Callable[[], None]] = [lambda i=i: busy(order, i) for i in range(3)]  # type: ignore[misc]
    times = interleaved(calls, Budget(runs=40, warmup=0))
    assert [each.size for each in times] == [40, 40, 40]
    turns = [i for k, i in enumerate(order) if k == 0 or order[k - 1] != i]
    assert len(turns) > 9 and all(turns.count(i) > 2 for i in range(3))
    rounds = {tuple(turns[k : k + 3]) for k in range(3, len(turns) - 3, 3)}
    assert len(rounds) > 1


def busy(order: list[int], who: int) -> None:
    order.append(who)
    time.sleep(0.002)  # a tenth of a turn


def test_seconds_bound_the_time_of_each_engine() -> None:
    times = interleaved([lambda: None, lambda: sum(range(100))], Budget(seconds=0.05, warmup=0))
    assert all(0.05e9 <= each.sum() < 0.5e9 for each in times)


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"runs": 0}, {"warmup": -1}])
def test_budget_refuses_nonsense(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Budget(**wrong)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin")
def test_pinning_ends_with_the_measurement() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores) and len(cores) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(UsageError, match="core 4096"), pinned(1, [4096]):
        pass
    with pytest.raises(UsageError, match="threads need"), pinned(3, [min(before)]):
        pass


# --- data ---


def test_float_peer_gets_the_numbers_that_the_bytes_stand_for() -> None:
    stored = np.arange(60, dtype=np.int8).reshape(IMAGE.shape)
    drawn = Drawn((IMAGE,), (stored,))
    same = InputSpec("in", IMAGE.shape, np.dtype(np.float32))
    turned = InputSpec("in", (1, 3, 4, 5), np.dtype(np.float32))
    expected = (stored.astype(np.float32) + 3) * np.float32(0.5)
    np.testing.assert_array_equal(drawn.for_peer([same], "peer", "f")[0], expected)
    np.testing.assert_array_equal(drawn.for_peer([turned], "peer", "f")[0], expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        [InputSpec("in", (1, 4, 5, 4), np.dtype(np.float32))],
        [InputSpec("in", IMAGE.shape, np.dtype(np.int32))],
    ],
)
def test_other_networks_are_refused(wanted: list[InputSpec]) -> None:
    drawn = Drawn((IMAGE,), (np.zeros(IMAGE.shape, np.int8),))
    with pytest.raises(UsageError, match="peer"):
        drawn.for_peer(wanted, "peer", "other.onnx")


# --- engines ---


@pytest.mark.parametrize(
    ("vs", "message"),
    [
        ("tvm", "unknown engine 'tvm'"),
        ("onnxruntime", "onnxruntime=FILE.onnx"),
        ("litert=no-such.tflite", "no file 'no-such.tflite'"),
    ],
)
def test_wrong_peers_are_refused(vs: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_peers(vs, Path("m.tflite"))


def test_every_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install ai-edge-litert openvino"):
        parse_peers("litert,openvino", Path("m.tflite"))


def test_stepping_is_the_run() -> None:
    model = ModelBytes(chain("RELU", "LOGISTIC", "RESHAPE", "SOFTMAX").bytes())
    data = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    results = []
    for step in (False, True):
        net = Net(model, Request(KEEP_INPUTS))
        net.view(net.inputs[0])[...] = data
        if step:
            assert net.timed_run(iter(range(100)).__next__) == [1] * net.operations == [1] * 4
        else:
            net.run()
        results.append(np.array(net.view(net.outputs[0])))
    np.testing.assert_array_equal(*results)


def test_engines_time_the_same_network(small: Path, digits: Path) -> None:
    for engine in PEERS.values():
        pytest.importorskip(engine, reason=f"{engine} is not installed")
    found = liteinterp.bench(
        small, vs=f"litert,onnxruntime={digits / 'digits.onnx'}", isa=["best", "ref"], runs=20, with_profile=True
    )
    assert [row.engine.partition(" ")[0] for row in found.engines] == ["liteinterp", "liteinterp", *PEERS]
    assert all(row.time.runs == 20 and 0 < row.time.minimum_us <= row.time.median_us for row in found.engines)
    own, portable, litert, float_onnx = found.engines
    assert own.ratio_minimum == own.ratio_median == 1
    assert portable.equal_outputs and litert.equal_outputs
    assert float_onnx.agreement_db is not None and float_onnx.agreement_db > 15
    assert litert.ratio_minimum == pytest.approx(own.time.minimum_us / litert.time.minimum_us)


def test_without_memory_for_weights_no_layer_is_packed(small: Path) -> None:
    found = liteinterp.bench(small, packed_limit=0, runs=2, with_profile=True).profile
    assert found is not None and not any(row.loop for row in found.operators)


def test_profile_steps_with_the_threads_that_were_asked_for(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(self: Net, model: ModelBytes, request: Request | None = None) -> None:
        asked.append(request.threads if request else 1)
        opened(self, model, request)

    opened = Net.__init__
    monkeypatch.setattr(Net, "__init__", counted)
    liteinterp.bench(small, threads=2, runs=2, with_profile=True)
    assert asked.count(2) == 2  # the interpreter that is timed, and the net that is profiled


def test_profile_adds_up_and_names_sources(small: Path) -> None:
    found = liteinterp.bench(small, runs=20, with_profile=True).profile
    assert found is not None and found.passes == 20
    assert sum(row.share for row in found.operators) == pytest.approx(1)
    weighted = [row for row in found.operators if row.macs]
    assert [row.operator for row in weighted] == ["CONV_2D", "CONV_2D", "FULLY_CONNECTED"]
    net = Net(ModelBytes(small.read_bytes()))
    assert [row.loop for row in found.operators] == [net.operator_loop(row.index) for row in found.operators]
    assert all(row.loop for row in weighted) or found.kernels not in ("avx2", "avx512vnni")
    assert all(row.gmacs_per_second == pytest.approx(row.macs / row.minimum_us / 1e3) for row in weighted)
    assert all(row.name for row in found.operators)


def test_shares_of_peak_are_of_the_peak_of_the_same_run(small: Path) -> None:
    found = liteinterp.bench(small, isa=["best", "ref"], runs=20, with_profile=True)
    assert found.profile is not None and found.profile.peak == found.peaks[0]
    best, portable = found.peaks
    assert portable.int8 is None and found.engines[1].share_of_peak is None
    if best.int8 is None:
        assert best.kernels not in ("avx2", "avxvnni", "avx512vnni")
        return
    weighted = [row for row in found.profile.operators if row.gmacs_per_second]
    assert all(row.share_of_peak == pytest.approx(row.gmacs_per_second / best.int8) for row in weighted)
    assert found.engines[0].share_of_peak == pytest.approx(found.engines[0].gmacs_per_second / best.int8)


@pytest.mark.parametrize(
    ("types", "peak"),
    [((9, 9), 100.0), ((3, 3), 100.0), ((0, 9), 100.0), ((0, 0), 10.0), ((7, 9), None), ((0, 0, 9), 10.0)],
)
def test_peak_of_an_operator_is_that_of_its_products(types: tuple[int, ...], peak: float | None) -> None:
    """int8, uint8, hybrid, float32, int16 activations; what comes third is a bias."""
    maker = ModelMaker()
    tensors = [maker.tensor((1, 1), code) for code in types]
    maker.op("FULLY_CONNECTED", tensors, [maker.tensor((1, 1))])
    file = ModelFile(maker.ends(tensors[:1], [len(types)]).bytes())
    found = Peak("a set", 100.0, 10.0)
    assert found.of(file, file.operators[0]) == peak
    assert found.least_us(file) == (None if peak is None else pytest.approx(1 / peak / 1e3))


# --- the verb ---


def test_verb_prints_tables_and_writes_json(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "b.json"
    assert cli.main(["bench", str(small), "--runs", "5", "--profile", "--isa", "ref", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert "liteinterp ref" in out and "least, us" in out and "CONV_2D" in out
    written = json.loads(target.read_text())
    assert written["schema"] == "liteinterp.bench/1" and written["engines"][0]["time"]["runs"] == 5
    assert cli.main(["bench", str(small), "--runs", "5", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runs", "0"],
        ["--cores", "x"],
        ["--cores", "4096"],
        ["--isa", "mmx"],
        ["--seconds", "0"],
        ["--vs", "tvm"],
        ["--packed-limit", "-1"],
    ],
)
def test_verb_refuses_wrong_options(small: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = cli.main(["bench", str(small), *arguments])
    except SystemExit as leave:
        status = int(leave.code or 0)
    assert status == 2 and capsys.readouterr().err


def test_verb_takes_no_onnx(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(digits / "digits.onnx")]) == 2
    assert "convert it" in capsys.readouterr().err
