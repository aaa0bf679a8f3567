"""Rewrites that make a graph smaller without changing what it computes. `pipelines.py` has their order."""

from .fold_input import FoldedInput, fold_input
from .manager import AfterPass, Pass, PassRecord, Rejection
from .pipelines import OPTIMIZE, optimize

__all__ = ["OPTIMIZE", "AfterPass", "FoldedInput", "Pass", "PassRecord", "Rejection", "fold_input", "optimize"]
