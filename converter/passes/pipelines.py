"""The ordered list of passes: read this to know what happens to a graph between its frontend and calibration."""

from __future__ import annotations

from ..ir.executor import Executor
from ..ir.graph import Graph
from .eliminate_dead import EliminateDead
from .eliminate_identity import EliminateIdentity
from .fold_affine import FoldAffine
from .fold_constants import FoldConstants
from .fold_gather import FoldGather
from .fuse_activation import FuseActivation
from .fuse_dilation import FuseDilation
from .fuse_pad import FusePad
from .layout import Layout
from .manager import AfterPass, Fixpoint, PassRecord, Step, run_steps
from .merge_reshapes import MergeReshapes
from .replace_functions import ReplaceFunctions

OPTIMIZE: tuple[Step, ...] = (
    EliminateDead(),
    FoldConstants(),
    ReplaceFunctions(),
    # Transposes go first: what follows looks for neighbours, and for constants that vary along the last axis.
    Fixpoint(
        (
            EliminateIdentity(),
            MergeReshapes(),
            EliminateDead(),
            Layout(),
            FoldAffine(),
            FuseActivation(),
            FoldGather(),
            FuseDilation(),
            FusePad(),
            FoldConstants(),
        )
    ),
)


def optimize(
    graph: Graph, executor: Executor | None = None, *, after_pass: AfterPass | None = None
) -> tuple[PassRecord, ...]:
    """Make a graph smaller in place, without changing what it computes.

    `executor` computes operators on constants; without one they stay. `after_pass` is handed the name of each pass and
    the graph as it left it. Raises IRError, naming pass and operator, where a pass fails or leaves an invalid graph.
    """
    return run_steps(OPTIMIZE, graph, executor, after_pass)
