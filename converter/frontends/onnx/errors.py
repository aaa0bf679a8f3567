"""How a mapping function says that it cannot map a node."""

from __future__ import annotations

STAGE = "reading the ONNX model"


class Refusal(Exception):
    """A node that our operators cannot express. The lowering adds the node's name and collects all of them."""

    def __init__(self, found: str, remedy: str) -> None:
        self.found = found
        self.remedy = remedy
        super().__init__(f"{found}. {remedy}")
