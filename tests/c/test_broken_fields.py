"""Models of every operator with one broken thing each: each is refused with a rule, or opens and runs."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from broken_models import broken_models
from one_operator import one_operator_models
from tiny_models import FLOAT32, INT8, ModelMaker, int8_conv_net


def one_of_each() -> dict[str, ModelMaker]:
    """The first model of each operator for each element type of its first input, and a net."""
    chosen: dict[object, tuple[str, ModelMaker]] = {}
    for name, maker in one_operator_models().items():
        operators = [maker.model.operator_codes[op.opcode_index].builtin_code for op in maker.graph.operators]
        kind = maker.graph.tensors[maker.graph.operators[0].inputs[0]].type
        chosen.setdefault((tuple(operators), kind if kind in (FLOAT32, INT8) else None), (name, maker))
    return {**dict(chosen.values()), "net": int8_conv_net()}


MODELS = one_of_each()
KEEP_TENSORS, NO_PACK = 1, 16


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_one_broken_thing(core, name: str) -> None:
    outcomes: Counter[str] = Counter()
    for k, (what, variant) in enumerate(broken_models(MODELS[name])):
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # a value that the field cannot hold
            content = variant.bytes()
            try:
                core.plan(content, (0, NO_PACK, KEEP_TENSORS)[k % 3])
                outcomes["planned"] += 1
            except Exception as fault:
                assert type(fault).__name__ == "Fault" and fault.rule != "NONE", what  # type: ignore[attr-defined]
                outcomes[fault.rule] += 1  # type: ignore[attr-defined]
    assert outcomes["planned"] and len(outcomes) > 5, outcomes
