"""The operators' rules: `infer_shapes(node)`, `macs(node)`, and the decorator with which a family registers."""

from __future__ import annotations

from ..ir.rules import Rule, infer_shapes, macs, operator, rule_of

__all__ = ["Rule", "infer_shapes", "macs", "operator", "rule_of"]
