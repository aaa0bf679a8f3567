"""Packed weights in a file: used where they are this model's, left alone with a reason where they are not."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from tiny_models import FLOAT16, ModelMaker, chain, every_operator, int8_conv_net

from converter import backend
from converter.errors import UnsupportedError as ConverterUnsupportedError
from converter.errors import UsageError as ConverterUsageError
from converter.execute import with_packed
from converter.gen import tflite
from liteinterp import Interpreter, cli
from liteinterp.errors import UnsupportedError
from liteinterp.inspect import inspect
from liteinterp.net import IGNORE_PACKED, ISA, KEEP_INPUTS, NO_PACK, TARGETS, ModelBytes, Net, Request

#: sha256 of all packed weights of MODELS by kernel set, their headers included. A set that changes how weights lie
#: raises LI_PACKING_VERSION (csrc/src/li_core.h), or files that hold packed weights would be misread; then write this
#: anew.
GOLDEN = {
    "sse41": "ce10844ddf564815",
    "avx2": "d709ea501682d737",
    "avxvnni": "79cb451ddca78991",
    "avx512vnni": "fe2f758a3c9a1b64",
}
MODELS = {"conv": int8_conv_net, "int8": lambda: every_operator(True), "float32": lambda: every_operator(False)}


def runs_here(name: str) -> bool:
    try:
        Net(ModelBytes(chain("RELU").bytes()), Request(isa=name))
    except UnsupportedError:
        return False
    return True


SETS = [name for name in ISA if name not in ("best", "ref") and runs_here(name)]
pytestmark = pytest.mark.skipif(not SETS, reason="no kernels of this machine pack weights")


def target_of(name: str) -> str:
    return next(target for target, isa in TARGETS.items() if isa == name)


def best() -> str:
    return Net(ModelBytes(int8_conv_net().bytes())).kernels


@pytest.fixture(scope="module")
def packed() -> bytes:
    """A model with the packed weights of the kernels that run by default."""
    return with_packed(int8_conv_net().bytes(), [target_of(best())])


def block_at(model: bytes) -> int:
    """Where the packed weights begin."""
    return model.index(b"LPCK", 8)


def outputs(model: bytes, isa: str | None = None) -> list[bytes]:
    net = Net(ModelBytes(model), Request(KEEP_INPUTS, isa))
    random = np.random.default_rng(5)
    for index in net.inputs:
        view = net.view(index)
        view[...] = random.integers(-128, 128, view.shape).astype(view.dtype)
    net.run()
    return [net.view(index).tobytes() for index in net.outputs]


def test_weights_in_the_file_are_used_where_they_lie(packed: bytes) -> None:
    net = Net(ModelBytes(packed), Request(KEEP_INPUTS))
    assert net.need.packed_from_file and net.need.packed == 0
    anew = Net(ModelBytes(packed), Request(KEEP_INPUTS | IGNORE_PACKED))
    assert not anew.need.packed_from_file and anew.need.packed > 0
    assert packed[block_at(packed) :][: anew.need.packed] == anew.packed_weights()
    assert outputs(packed) == outputs(int8_conv_net().bytes())


@pytest.mark.parametrize("name", MODELS)
def test_every_set_of_this_machine_finds_its_own(name: str) -> None:
    plain = MODELS[name]().bytes()
    model = with_packed(plain, [target_of(isa) for isa in SETS])
    for isa in SETS:
        assert Net(ModelBytes(model), Request(isa=isa)).need.packed_from_file
        assert block_at(model) % 64 == 0


def half_precision(given: bool = False) -> bytes:
    """y = x + w, w a float16 constant behind DEQUANTIZE; `given` makes that an output too."""
    maker = ModelMaker()
    x, reals, y = (maker.tensor((4, 30)) for _ in range(3))
    half = maker.tensor((4, 30), FLOAT16, np.random.default_rng(1).normal(size=(4, 30)))
    maker.op("DEQUANTIZE", [half], [reals], tflite.DequantizeOptions(), 3)
    maker.op("ADD", [x, reals], [y], tflite.AddOptions())
    return maker.ends([x], [y, reals] if given else [y]).bytes()


@pytest.mark.parametrize("isa", SETS)
def test_half_precision_constants_are_expanded_at_open(isa: str) -> None:
    """Once, among the packed weights, where these are allowed, fit their limit and may lie in the file."""
    model, given = half_precision(), half_precision(given=True)
    expected = outputs(model, "ref")
    net = Net(ModelBytes(model), Request(isa=isa))
    assert net.operator_bytes(0).packed == 4 * 30 * 4
    assert outputs(model, isa) == expected and outputs(given, isa)[0] == expected[0]
    stored = with_packed(model, [target_of(isa)])
    assert Net(ModelBytes(stored), Request(isa=isa)).need.packed_from_file and outputs(stored, isa) == expected
    for request in (Request(isa=isa, packed_limit=64), Request(NO_PACK, isa)):
        assert Net(ModelBytes(model), request).need.packed == 0
    assert Net(ModelBytes(given), Request(isa=isa)).need.packed == 0, "callers own what they are given"


def test_half_precision_constants_equal_without_room_for_them() -> None:
    net = Net(ModelBytes(half_precision()), Request(packed_limit=64))
    net.view(net.inputs[0])[...] = 0
    net.run()
    filled = Net(ModelBytes(half_precision()))
    filled.view(filled.inputs[0])[...] = 0
    filled.run()
    np.testing.assert_array_equal(net.view(net.outputs[0]), filled.view(filled.outputs[0]))


def test_a_file_without_its_new_parts_is_the_old_one(packed: bytes) -> None:
    plain = int8_conv_net().bytes()
    assert plain in packed
    read, old = tflite.read_model(packed), tflite.read_model(plain)
    read.metadata, read.buffers = read.metadata[: len(old.metadata)], read.buffers[: len(old.buffers)]
    assert tflite.write_model(read) == tflite.write_model(old)


def test_litert_reads_the_plain_weights(packed: bytes) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_content=packed)
    interpreter.allocate_tensors()
    ours = Interpreter(model_content=packed)
    ours.allocate_tensors()
    results = []
    for engine in (interpreter, ours):
        detail = engine.get_input_details()[0]
        data = np.random.default_rng(3).integers(-128, 128, detail["shape"]).astype(detail["dtype"])
        engine.set_tensor(detail["index"], data)
        engine.invoke()
        results.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*results)


def test_damage_is_noticed_and_the_weights_are_packed_anew(packed: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A byte of the packed weights, and one of the plain ones that they were made from."""
    expected = outputs(int8_conv_net().bytes())
    data = tflite.read_model(packed).buffers[1].data
    assert data is not None
    weights = data.tobytes()
    plain = packed.index(weights)
    for at in (block_at(packed) + 64, len(packed) - 1, plain):
        damaged = bytearray(packed)
        damaged[at] ^= 1
        caplog.clear()
        with caplog.at_level(logging.WARNING, "liteinterp"):
            found = outputs(bytes(damaged))
        assert "packed weights in the file are not used" in caplog.text
        changed = int8_conv_net().bytes().replace(weights, bytes([weights[0] ^ 1]) + weights[1:])
        assert found == (outputs(changed) if at == plain else expected)


def test_inspect_packs_anew_and_compares(packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed)
    found = inspect(path)
    assert found.packed == {best(): "used, as packing gives them"}
    assert found.memory[best()].packed_from_file
    assert any(best() in line and "as packing gives" in line for line in found.closing())
    read = tflite.read_model(packed)
    read.metadata[-1].name = "liteinterp.packed.future"
    path.write_bytes(tflite.write_model(read))
    assert "knows no such" in inspect(path).packed["future"]


def test_the_verb_packs_a_finished_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "m.tflite", tmp_path / "p.tflite"
    source.write_bytes(int8_conv_net().bytes())
    assert cli.main(["convert", str(source), "-o", str(target), "--pack", target_of(best())]) == 0
    assert target.read_bytes() == with_packed(source.read_bytes(), [target_of(best())])
    assert cli.main(["convert", str(target), "-o", str(source), "--pack", target_of(best())]) == 2
    assert "Pack the file that it was made from" in capsys.readouterr().err
    assert cli.main(["convert", str(source), "-o", str(target), "--pack", "x86"]) == 2
    assert "x86-64-avx2" in capsys.readouterr().err


def test_converting_writes_them_and_drops_those_of_the_source(packed: bytes, tmp_path: Path) -> None:
    source, target = tmp_path / "m.tflite", tmp_path / "p.tflite"
    source.write_bytes(packed)
    arguments = ["convert", str(source), "-o", str(target), "--quantize", "float32"]
    assert cli.main(arguments) == 0
    assert backend.PACKED.encode() not in target.read_bytes()
    assert cli.main([*arguments, "--pack", target_of(best())]) == 0
    assert inspect(target).packed == {best(): "used, as packing gives them"}


def test_what_cannot_be_packed_is_refused_or_said(caplog: pytest.LogCaptureFixture) -> None:
    nothing = chain("RELU").bytes()
    assert with_packed(nothing, [target_of(best())]) == nothing and "no weights" in caplog.text
    with pytest.raises(ConverterUsageError, match="portable"):
        with_packed(nothing, ["portable"])
    foreign = [target for target, isa in TARGETS.items() if isa not in ("ref", *SETS)]
    for target in foreign:
        with pytest.raises(ConverterUnsupportedError, match="Packing takes"):
            with_packed(nothing, [target])


def test_a_model_with_fields_of_the_future_is_left_alone() -> None:
    maker = ModelMaker()
    x = maker.tensor((1, 4), data=np.zeros((1, 4), np.float32))
    model = tflite.read_model(maker.ends([x], [x]).bytes())
    model.buffers[-1].offset = 64
    with pytest.raises(ConverterUnsupportedError, match="outside the tables"):
        backend.with_packed(tflite.write_model(model), {"avx2": b""})


@pytest.mark.parametrize("name", GOLDEN)
def test_packing_changes_only_with_its_version(name: str) -> None:
    if name not in SETS:
        pytest.skip(f"this machine does not run {name}")
    digest = hashlib.sha256()
    for maker in MODELS.values():
        digest.update(Net(ModelBytes(maker().bytes()), Request(isa=name)).packed_weights())
    remedy = "raise LI_PACKING_VERSION in csrc/src/li_core.h, then write GOLDEN anew"
    assert digest.hexdigest()[:16] == GOLDEN[name], remedy
