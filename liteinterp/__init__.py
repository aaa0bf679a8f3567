"""Converts trained float models to int8 `.tflite` files and runs them with a small C interpreter.

`Interpreter` takes the arguments, methods and dict keys of the TFLite one. `convert` makes a model file, `compare`
measures how far two models are apart, `bench` how fast one runs. What is not used is not loaded: running a model needs
numpy and cffi only.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bench import Benchmark, bench
    from .compare import compare
    from .convert import convert
    from .drift import Drift
    from .errors import (
        InvalidFileError,
        InvalidModelError,
        LiteinterpError,
        UnsupportedError,
        UsageError,
    )
    from .interpreter import Interpreter, OpResolverType, load_delegate
    from .signature import SignatureRunner

    __version__: str

__all__ = [
    "Interpreter",
    "OpResolverType",
    "SignatureRunner",
    "load_delegate",
    "convert",
    "compare",
    "bench",
    "Benchmark",
    "Drift",
    "LiteinterpError",
    "UsageError",
    "UnsupportedError",
    "InvalidFileError",
    "InvalidModelError",
    "__version__",
]

_HOMES = {
    "Interpreter": "interpreter",
    "OpResolverType": "interpreter",
    "SignatureRunner": "signature",
    "load_delegate": "interpreter",
    "convert": "convert",
    "compare": "compare",
    "bench": "bench",
    "Benchmark": "bench",
    "Drift": "drift",
    "LiteinterpError": "errors",
    "UsageError": "errors",
    "UnsupportedError": "errors",
    "InvalidFileError": "errors",
    "InvalidModelError": "errors",
    "__version__": "version",
}


class _Package(ModuleType):
    """Functions keep their name where a module of the same name is loaded: `liteinterp.convert` is the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'liteinterp' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


sys.modules[__name__].__class__ = _Package
