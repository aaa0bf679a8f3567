"""Sentences of liteinterp.h that no other test holds the runtime to."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from one_operator import one_operator_models
from tiny_models import INT32, INT64, ModelMaker, chain, every_operator, int8_conv_net

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

if TYPE_CHECKING:
    from .conftest import Core, Net

KEEP_TENSORS, KEEP_INPUTS, EXACT, IGNORE_PLAN, NO_PACK, PLAN_ONLY = 1, 2, 4, 8, 16, 64
LI_ISA_REF, LI_ISA_NEON, LI_ISA_DOTPROD = 1, 3, 4
Bytes = npt.NDArray[np.uint8]
MAKERS = one_operator_models()
MODELS = {name: maker.bytes() for name, maker in MAKERS.items()}


def view(net: Net, tensor: Any) -> Bytes:
    """The tensor's bytes where they are."""
    size = net.lib.li_tensor_bytes(tensor)
    data = net.lib.li_tensor_data(tensor)
    return np.frombuffer(ffi.buffer(data, size), np.uint8) if size else np.empty(0, np.uint8)


def outputs(net: Net, *inputs: Bytes) -> list[Bytes]:
    for i, data in enumerate(inputs):
        view(net, net.lib.li_input(net.net, i))[:] = data
    assert net.lib.li_run(net.net) == 0
    return [view(net, net.lib.li_output(net.net, i)).copy() for i in range(net.lib.li_outputs(net.net))]


def moderate(random: np.random.Generator, net: Net, i: int = 0) -> Bytes:
    """Random contents for an input: numbers around 0 for floats, 0 and 1 for indices, any bytes for others."""
    tensor = net.lib.li_input(net.net, i)
    size = net.lib.li_tensor_bytes(tensor)
    if net.lib.li_tensor_type(tensor) == 0:
        return random.normal(size=size // 4).astype(np.float32).view(np.uint8)
    wide = {INT32: np.int32, INT64: np.int64}.get(net.lib.li_tensor_type(tensor))
    if wide is not None and int(net.lib.li_tensor_index(tensor)) in indices_of(net):
        return random.integers(0, 2, size // np.dtype(wide).itemsize).astype(wide).view(np.uint8)
    return random.integers(0, 256, size, np.uint8)


def indices_of(net: Net) -> set[int]:
    """Tensors whose elements have to lie within a dimension of another."""
    operands, found = ffi.new("int32_t[2]"), set()
    for i in range(net.lib.li_operations(net.net)):
        if net.lib.li_operator_builtin(net.net, i) == tflite.BuiltinOperator.GATHER:
            net.lib.li_operator_inputs(net.net, i, operands, 2)
            found.add(operands[1])
    return found


#: Models whose operators treat the first dimension as a batch.
BATCHED = ["conv", "conv groups", "conv 1x1", "depthwise", "depthwise many", "dense keep", "average", "max", "softmax"]


@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("flags", [0, NO_PACK])
def test_a_batch_equals_single_runs(core: Core, name: str, kind: str, flags: int) -> None:
    maker = one_operator_models()[f"{name} {kind}"]
    data, x, y = maker.bytes(), int(maker.graph.inputs[0]), int(maker.graph.outputs[0])
    shape = core.open(data).dims(x)[1:]
    single = core.open(data, flags, {0: (1, *shape)})
    batch = core.open(data, flags, {0: (5, *shape)})
    assert batch.dims(x)[0] == batch.dims(y)[0] == 5
    random = np.random.default_rng(1)
    samples = [moderate(random, single) for _ in range(5)]
    expected = np.concatenate([outputs(single, sample)[0] for sample in samples])
    np.testing.assert_array_equal(outputs(batch, np.concatenate(samples))[0], expected)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_nothing_runs_or_is_refused(core: Core, name: str) -> None:
    """Every operator, with its first input or all of them without elements."""
    whole = core.open(MODELS[name])
    inputs = [whole.dims(int(tensor)) for tensor in MAKERS[name].graph.inputs]
    empty = {i: (0, *shape[1:]) for i, shape in enumerate(inputs) if shape}
    for dims in ({i: shape for i, shape in empty.items() if i == 0}, empty):
        try:
            net = core.open(MODELS[name], dims=dims)
        except Exception as fault:
            assert type(fault).__name__ == "Fault", repr(fault)
            continue
        assert net.lib.li_run(net.net) in (0, whole.lib.li_run(whole.net)), "an index without a row, at most"


@pytest.mark.parametrize("maker", [int8_conv_net(), every_operator(True)], ids=["conv", "every"])
def test_operators_one_by_one_equal_a_run(core: Core, maker: ModelMaker) -> None:
    net = core.open(maker.bytes(), KEEP_TENSORS)
    random = np.random.default_rng(2)
    whole = outputs(net, moderate(random, net))
    for i in range(net.lib.li_outputs(net.net)):
        view(net, net.lib.li_output(net.net, i))[:] = 0x55
    for i in range(net.lib.li_operations(net.net)):
        assert net.lib.li_run_operator(net.net, i) == 0
    for i, expected in enumerate(whole):
        np.testing.assert_array_equal(view(net, net.lib.li_output(net.net, i)), expected)


@pytest.mark.parametrize("maker", [int8_conv_net(), every_operator(True)], ids=["conv", "every"])
def test_operators_in_order_need_no_bytes_of_their_own(core: Core, maker: ModelMaker) -> None:
    """Without LI_KEEP_TENSORS too, each operator once from the first to the last is a run."""
    results = []
    for step in (False, True):
        net = core.open(maker.bytes(), KEEP_INPUTS)
        outputs(net, moderate(np.random.default_rng(2), net))
        if step:
            for i in range(net.lib.li_outputs(net.net)):
                view(net, net.lib.li_output(net.net, i))[:] = 0x55
            for i in range(net.lib.li_operations(net.net)):
                assert net.lib.li_run_operator(net.net, i) == 0
        results.append([np.array(view(net, net.lib.li_output(net.net, i))) for i in range(net.lib.li_outputs(net.net))])
    np.testing.assert_equal(*results)


def test_bytes_of_an_operator_may_be_asked_for_one_by_one(core: Core) -> None:
    net = core.open(int8_conv_net().bytes())
    state = ffi.new("size_t *")
    net.lib.li_operator_bytes(net.net, 0, state, ffi.NULL, ffi.NULL)
    assert 0 < state[0] < net.need.state
    net.lib.li_operator_bytes(ffi.NULL, 0, state, ffi.NULL, ffi.NULL)
    assert state[0] == 0


def test_the_loop_of_an_operator_has_a_name(core: Core) -> None:
    """On sets with whole layers; elsewhere, and for an index out of range, it is empty."""
    net = core.open(int8_conv_net().bytes())
    whole = ffi.string(net.lib.li_kernels_name(net.net)) in (b"avx2", b"avx512vnni")
    assert ffi.string(net.lib.li_operator_loop(net.net, 0)) == (b"direct" if whole else b"")
    assert ffi.string(net.lib.li_operator_loop(net.net, -1)) == b""


def test_sizes_of_kernels_that_the_machine_lacks_open_nothing(core: Core) -> None:
    """The sets of AArch64 stand in a library for x86, and the other way round nothing does."""
    data = MODELS["dense keep float32"]
    here = platform.machine() in ("x86_64", "AMD64")
    for isa in (LI_ISA_NEON, LI_ISA_DOTPROD) if here else ():
        with pytest.raises(Exception, match="ISA_MISSING"):
            core.plan(data, isa=isa)
        assert core.plan(data, PLAN_ONLY, isa=isa).packed > core.plan(data, isa=LI_ISA_REF).packed
    with pytest.raises(Exception, match="OPTIONS_VALUE"):
        core.open(data, PLAN_ONLY)


def test_a_peak_is_counted_for_int8_and_float32_alone(core: Core) -> None:
    net = core.open(int8_conv_net().bytes())
    counts = [net.lib.li_peak(net.net, code, 3) for code in (tflite.TensorType.INT8, tflite.TensorType.FLOAT32)]
    assert all(count % 3 == 0 for count in counts)
    has_peak = ffi.string(net.lib.li_kernels_name(net.net)) not in (b"ref", b"neon", b"dotprod")
    assert (counts[0] > 0) == (counts[1] > 0) == has_peak
    assert net.lib.li_peak(net.net, tflite.TensorType.INT16, 3) == net.lib.li_peak(ffi.NULL, 9, 3) == 0


def test_hooks_see_single_operators_too(core: Core) -> None:
    net = core.open(chain("RELU", "LOGISTIC").bytes(), KEEP_TENSORS)
    seen: list[tuple[int, int]] = []

    @ffi.callback("int32_t(void *, li_net *, int32_t, int32_t)")
    def hook(_context: object, _net: object, operation: int, when: int) -> int:
        seen.append((operation, when))
        return 0

    net.lib.li_hook(net.net, hook, ffi.NULL)
    assert net.lib.li_run_operator(net.net, 1) == 0
    assert seen == [(1, 0), (1, 1)]


@pytest.mark.parametrize("flags", [0, KEEP_INPUTS, KEEP_TENSORS, IGNORE_PLAN, NO_PACK | EXACT])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_inputs_and_constants_survive_what_they_should(core: Core, name: str, flags: int) -> None:
    """Constants always; inputs with LI_KEEP_INPUTS; and a second run on the same inputs gives the same bytes."""
    net = core.open(MODELS[name], flags)
    random = np.random.default_rng(3)
    inputs = [moderate(random, net, i) for i in range(net.lib.li_inputs(net.net))]
    model = bytes(ffi.buffer(net._model))
    first = outputs(net, *inputs)
    if flags & (KEEP_INPUTS | KEEP_TENSORS):
        for i, data in enumerate(inputs):
            np.testing.assert_array_equal(view(net, net.lib.li_input(net.net, i)), data)
    for again, expected in zip(outputs(net, *inputs), first, strict=True):
        np.testing.assert_array_equal(again, expected)
    assert bytes(ffi.buffer(net._model)) == model


def test_failing_calls_say_so_in_their_results(core: Core) -> None:
    """On failure counts and needs are 0 and there is no net."""
    lib, fault = core.lib, ffi.new("li_fault *")
    data = core._model(chain("RELU").bytes())
    size = len(chain("RELU").bytes())
    info, need, net = ffi.new("li_info *"), ffi.new("li_need *"), ffi.new("li_net **")
    assert lib.li_check(data, size, info, fault) == 0 and info.tensors == 2
    work = ffi.new("char[]", info.work_bytes + 16)
    aligned = work + -int(ffi.cast("uintptr_t", work)) % 16
    assert lib.li_plan(data, size, ffi.NULL, aligned, info.work_bytes, need, fault) == 0 and need.state > 0
    options, _ = core.options(isa=99)
    assert lib.li_plan(data, size, options, aligned, info.work_bytes, need, fault) != 0
    assert bytes(ffi.buffer(need)) == bytes(ffi.sizeof("li_need"))
    net[0] = ffi.cast("li_net *", aligned)
    assert lib.li_open(net, data, size, ffi.new("li_memory *"), ffi.NULL, fault) != 0 and net[0] == ffi.NULL
    assert lib.li_check(data, size - 1, info, fault) != 0
    assert bytes(ffi.buffer(info)) == bytes(ffi.sizeof("li_info"))


@pytest.mark.parametrize("flag", ["-O2", pytest.param("-fsanitize=thread", marks=pytest.mark.slow)])
def test_a_pool_runs_every_task_once(cc: str, tmp_path: Path, flag: str) -> None:
    root = Path(__file__).resolve().parents[2]
    sources = [root / "tests" / "c" / "pool.c", root / "csrc" / "src" / "li_threads.c"]
    command = [cc, "-std=gnu11", "-Wall", "-Wextra", "-Werror", flag, "-pthread", f"-I{root}/csrc/include"]
    subprocess.run([*command, *map(str, sources), "-o", str(tmp_path / "pool")], check=True)
    done = subprocess.run([tmp_path / "pool"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_nets_on_several_threads_share_packed_weights(program: Callable[..., Path], zoo: Path, tmp_path: Path) -> None:
    models = [zoo / "models" / f"{name}.tflite" for name in ("mlperf_kws_int8_ref", "mlperf_ic_resnet8")]
    for name in ("conv float32", "dense float32"):
        models.append(tmp_path / f"{name}.tflite")
        models[-1].write_bytes(one_operator_models()[name].bytes())
    path = program("threads", "-fsanitize=thread", "-pthread")
    done = subprocess.run([path, *models], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("-O2",), ("-fsanitize=thread",)])
def test_threads_that_walk_together_need_no_order_of_tasks(
    program: Callable[..., Path], zoo: Path, flags: tuple[str, ...]
) -> None:
    """Tasks on one thread, from either end, on threads of their own, and begun late: the bytes of one thread."""
    names = ("mlperf_kws_int8_ref", "mlperf_vww_96_int8_ref", "mlperf_ic_resnet8", "blazeface_short")
    path = program("crew", *flags, "-pthread")
    models = [zoo / "models" / f"{name}.tflite" for name in names]
    done = subprocess.run([path, *models], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
