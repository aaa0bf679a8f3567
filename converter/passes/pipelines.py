"""The ordered list of passes: read this to know what happens to a graph."""

from __future__ import annotations

from .eliminate_dead import EliminateDead
from .eliminate_identity import EliminateIdentity
from .fold_affine import FoldAffine
from .fold_constants import FoldConstants
from .fuse_activation import FuseActivation
from .fuse_pad import FusePad
from .manager import Fixpoint, Step
from .merge_reshapes import MergeReshapes

OPTIMIZE: tuple[Step, ...] = (
    FoldConstants(),
    Fixpoint((EliminateIdentity(), MergeReshapes(), EliminateDead())),
    Fixpoint((FoldAffine(), FusePad(), FuseActivation(), EliminateIdentity(), EliminateDead())),
)
