"""Budgets: the most that may be lost, or taken, and the cheapest mixture of precisions that keeps within."""

from .evaluation import Evaluation, Evaluator, Judgement
from .outcome import Budget, Outcome, TrialRow, keep_budget, weigh

__all__ = ["Budget", "Evaluation", "Evaluator", "Judgement", "Outcome", "TrialRow", "keep_budget", "weigh"]
