"""Operators: shape rules and costs, one file a family. Use them through `ops.registry`."""
