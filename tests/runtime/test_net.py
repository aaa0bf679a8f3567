"""The binding itself: hooks, stepping, exact memory, and the library it opens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import ModelMaker

from liteinterp import net
from liteinterp.errors import CancelledError, OutOfMemoryError
from liteinterp.gen.ops import BUILTIN_NAMES


def opened(content: bytes, flags: int = 0) -> net.Net:
    found = net.Net(net.ModelBytes(content), net.Request(flags))
    found.view(found.inputs[0])[...] = np.arange(105, dtype=np.int8).reshape(1, 7, 5, 3)
    return found


def test_hooks_see_every_operator_before_and_after(int8_model: bytes) -> None:
    subject = opened(int8_model)
    seen: list[tuple[int, bool]] = []
    with subject.hooked(lambda operator, after: seen.append((operator, after))):
        subject.run()
    assert seen == [(i, after) for i in range(subject.operations) for after in (False, True)]
    subject.run()
    assert len(seen) == 2 * subject.operations


def test_a_hook_cancels(int8_model: bytes) -> None:
    subject = opened(int8_model)
    with subject.hooked(lambda operator, after: 1 if operator == 2 else 0), pytest.raises(CancelledError):
        subject.run()


def test_what_a_hook_raises_comes_out_of_run(int8_model: bytes) -> None:
    subject = opened(int8_model)

    def interrupt(operator: int, after: bool) -> None:
        raise KeyboardInterrupt

    with subject.hooked(interrupt), pytest.raises(KeyboardInterrupt):
        subject.run()
    subject.run()


def test_operators_one_by_one_equal_a_run(int8_model: bytes) -> None:
    whole, stepped = opened(int8_model, net.KEEP_TENSORS), opened(int8_model, net.KEEP_TENSORS)
    whole.run()
    for i in range(stepped.operations):
        stepped.run_operator(i)
    for tensor in whole.tensors:
        np.testing.assert_array_equal(whole.view(tensor.index), stepped.view(tensor.index), tensor.name)
    with pytest.raises(IndexError):
        stepped.run_operator(stepped.operations)


def test_operators_tell_code_inputs_and_outputs(int8_model: bytes) -> None:
    subject = opened(int8_model)
    code, inputs, outputs = subject.operator(0)
    assert BUILTIN_NAMES[code] == "CONV_2D"
    assert inputs == (0, 1, 2) and outputs == (3,)


def test_a_plan_without_opening_equals_what_opening_needs(int8_model: bytes) -> None:
    content = net.ModelBytes(int8_model)
    assert net.plan(content) == net.Net(content).need
    kept = net.plan(content, net.Request(net.KEEP_TENSORS))
    assert kept.arena > net.plan(content).arena >= net.plan(content).arena_lower_bound


def test_tensors_describe_themselves(int8_model: bytes) -> None:
    filter_ = opened(int8_model).tensors[1]
    assert filter_.shape == (5, 3, 3, 3) and filter_.dtype == np.int8 and filter_.is_constant
    np.testing.assert_allclose(filter_.scales, [0.01, 0.02, 0.01, 0.03, 0.02], rtol=1e-7)
    assert filter_.zero_points == (0,) * 5


def test_more_dimensions_than_any_tensor_has_are_refused(int8_model: bytes) -> None:
    with pytest.raises(RuntimeError, match="dimensions"):
        net.plan(net.ModelBytes(int8_model), net.Request(input_dims={0: (1,) * 9}))


def test_empty_tensors_are_readable() -> None:
    maker = ModelMaker()
    given, same = maker.tensor((0, 4)), maker.tensor((0, 4))
    maker.op("RELU", [given], [same])
    subject = net.Net(net.ModelBytes(maker.ends([given], [same]).bytes()))
    subject.run()
    assert subject.view(same).shape == (0, 4)


@pytest.mark.parametrize(
    "library,words", [("no/such/lib.so", "no file is"), (__file__, "cannot be loaded")], ids=["missing", "no library"]
)
def test_a_wrong_library_is_an_import_error_that_says_so(library: str, words: str, repository: Path) -> None:
    code = "import liteinterp; liteinterp.Interpreter"
    environment = {**os.environ, "LITEINTERP_LIBRARY": library, "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError" in done.stderr and words in done.stderr


def test_memory_that_the_machine_lacks_is_told(signed_model: bytes) -> None:
    huge = net.Request(input_dims={0: (2, 2**26), 1: (2, 2**26)})
    wanted = net.plan(net.ModelBytes(signed_model), huge).arena
    assert wanted >= 2**30
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutOfMemoryError, match=f"{wanted:,} bytes"):
        zeros = np.zeros
        patch.setattr(np, "zeros", lambda size, dtype: _refuse(size) if size > 2**29 else zeros(size, dtype))
        net.Net(net.ModelBytes(signed_model), huge)


def _refuse(size: int) -> None:
    raise MemoryError(size)
