"""Each pass by examples: text in, text out. `pytest tests/converter/passes --update-golden` rewrites what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pass_checks import assert_close, check_pass, copy_of, random_inputs, run_litert

from converter.ir.text import from_text, to_text
from converter.passes import OPTIMIZE, Pass
from converter.passes.manager import Fixpoint

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
BEFORE, AFTER = "=== before\n", "=== after\n"

PASSES: dict[str, Pass] = {
    member.name: member for step in OPTIMIZE for member in (step.passes if isinstance(step, Fixpoint) else (step,))
}
CASES = sorted(path.relative_to(GOLDEN) for name in PASSES for path in (GOLDEN / name).glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pass_turns_the_text_into_the_text_and_keeps_its_meaning(case: Path, update_golden: bool) -> None:
    path = GOLDEN / case
    comment, _, texts = path.read_text(encoding="utf-8").partition(BEFORE)
    before, _, wanted = texts.partition(AFTER)
    graph = from_text(before)
    original = copy_of(graph)
    record = check_pass(PASSES[case.parent.name], graph)
    found = to_text(graph) + "".join(f"# {r.where}: {r.reason}\n" for r in record.rejections)
    if update_golden:
        path.write_text(comment + BEFORE + to_text(original) + AFTER + found, encoding="utf-8")
    else:
        assert found == wanted
    inputs = random_inputs(graph)
    for a, b, value in zip(run_litert(graph, inputs), run_litert(original, inputs), graph.outputs, strict=True):
        assert_close(a, b, f"{value.name} in LiteRT")


def test_every_pass_has_examples() -> None:
    assert {case.parent.name for case in CASES} == set(PASSES)
