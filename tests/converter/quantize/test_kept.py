"""--keep-float: operators by the names of the source."""

from __future__ import annotations

import pytest
from small_graphs import small_cnn

from converter.errors import UsageError
from converter.ir.types import Origin
from converter.quantize.kept import REASON, kept_outputs


def test_names_of_operators_and_of_results() -> None:
    graph = small_cnn()
    graph.nodes[2].output.origin = Origin("head/scores;bias[0]")
    assert kept_outputs(graph, ["conv_2d_0", "add*"]) == {graph.nodes[i].output.name: REASON for i in (0, 3)}
    for glob in ("head/*", "head/scores;bias[0]"):
        assert list(kept_outputs(graph, [glob])) == [graph.nodes[2].output.name]


def test_a_glob_that_names_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--keep-float tail\*: names no operator\. There are conv_2d_0"):
        kept_outputs(small_cnn(), ["conv*", "tail*"])
