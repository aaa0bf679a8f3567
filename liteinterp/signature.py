"""Calling a model by the names of its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import UsageError

if TYPE_CHECKING:
    from .interpreter import Interpreter


class SignatureRunner:
    """`runner(name=array, …)` resizes, allocates, sets, runs, and returns {output name: array}. Made by
    `Interpreter.get_signature_runner`."""

    def __init__(self, interpreter: Interpreter, signature_key: str) -> None:
        self._interpreter = interpreter
        self._signature_key = signature_key
        sides = interpreter._get_full_signature_list()[signature_key]
        self._inputs, self._outputs = sides["inputs"], sides["outputs"]

    def __call__(self, **kwargs: Any) -> dict[str, npt.NDArray[Any]]:
        """Raises ValueError for a wrong number or name of inputs, and as `Interpreter.set_tensor`."""
        if len(kwargs) != len(self._inputs):
            raise UsageError(
                "Invalid number of inputs provided for running a SignatureDef, expected "
                f"{len(self._inputs)} vs provided {len(kwargs)}"
            )
        arrays = {name: np.asarray(value) for name, value in kwargs.items()}
        for name, array in arrays.items():
            if name not in self._inputs:
                raise UsageError(f"Invalid Input name ({name}) for SignatureDef")
            self._interpreter.resize_tensor_input(self._inputs[name], array.shape)
        self._interpreter.allocate_tensors()
        for name, array in arrays.items():
            self._interpreter.set_tensor(self._inputs[name], array)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """Details of each input tensor by name."""
        return {name: self._interpreter._get_tensor_details(index) for name, index in self._inputs.items()}

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """Details of each output tensor by name."""
        return {name: self._interpreter._get_tensor_details(index) for name, index in self._outputs.items()}
