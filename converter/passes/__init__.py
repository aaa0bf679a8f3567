"""Rewrites that make a graph smaller without changing what it computes. `pipelines.py` has their order."""

from .manager import AfterPass, Pass, PassRecord, Rejection
from .pipelines import OPTIMIZE, optimize

__all__ = ["OPTIMIZE", "AfterPass", "Pass", "PassRecord", "Rejection", "optimize"]
