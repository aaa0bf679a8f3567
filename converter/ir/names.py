"""Names that are not taken yet."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable


def free_name(wish: str, taken: Container[str]) -> str:
    """`wish`, or `wish_1`, `wish_2`, … where it is taken."""
    names = itertools.chain([wish], (f"{wish}_{i}" for i in itertools.count(1)))
    return next(name for name in names if name not in taken)


class Names:
    """Names in use while a graph is built."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def unique(self, wish: str) -> str:
        """A free name near the wish; it is taken from then on."""
        name = free_name(wish, self._taken)
        self._taken.add(name)
        return name
