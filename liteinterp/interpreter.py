"""Runs a `.tflite` model. Takes the arguments, methods, dict keys and exception types of TensorFlow Lite's Interpreter.

with Interpreter(model_path="model.tflite") as interpreter:
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""

from __future__ import annotations

import enum
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .details import operator_details, tensor_details
from .element_types import NUMPY_TYPES
from .errors import InterpreterStateError, InvalidFileError, UnsupportedError, UsageError
from .files import map_model
from .gen.tflite import TensorType
from .model_file import ModelFile, shape_of
from .net import KEEP_INPUTS, KEEP_TENSORS, ModelBytes, Net, Request
from .signature import SignatureRunner

_NOT_ALLOCATED = "Tensor data is null. Run allocate_tensors() first"
_NOT_KEPT = (
    f"{_NOT_ALLOCATED}: tensor {{index}} {{name!r}} is an intermediate result whose bytes are reused in the run. "
    "Open the model with experimental_preserve_all_tensors=True to read it"
)
_VIEW_ALIVE = (
    "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or slice. Be sure "
    "to only hold the function returned from tensor() if you are using raw data access."
)


@enum.unique
class OpResolverType(enum.Enum):
    """Which kernels to use. BUILTIN_REF takes the portable ones; every kernel gives the same bytes."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


def load_delegate(library: Any, options: Mapping[str, Any] | None = None) -> Any:
    """Delegates hand parts of a model to other hardware; this runtime has none. Raises ValueError."""
    raise UsageError(
        f"Failed to load delegate from {library}: liteinterp runs every operator itself, without delegates"
    )


class Interpreter:
    """One model, ready to run. Not to be used by two threads at a time; `invoke` releases the interpreter lock.

    `model_content` may be any buffer. `num_threads` threads share the work of large operators; outputs do not depend on
    their number. `isa` names the kernels (default: LITEINTERP_ISA, else the fastest that the machine has); they all
    give the same bytes. `packed_limit` is how many bytes rearranged weights may take (default: LITEINTERP_PACKED_LIMIT,
    else as many as speed gains from); less is slower, 0 reads all weights where they lie.
    Raises ValueError (`errors.InvalidFileError`, `errors.UsageError`) for a missing or malformed file and for bad
    arguments.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: Any = None,
        experimental_delegates: Sequence[Any] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        isa: str | None = None,
        packed_limit: int | None = None,
    ) -> None:
        if num_threads is not None and not isinstance(num_threads, int):
            raise UsageError("type of num_threads should be int")
        if num_threads is not None and num_threads < 1:
            raise UsageError("num_threads should >= 1")
        if not isinstance(experimental_op_resolver_type, OpResolverType):
            raise UsageError(f"Unrecognized passed in op resolver type: {experimental_op_resolver_type}")
        if experimental_delegates:
            raise UsageError("experimental_delegates: liteinterp runs every operator itself, without delegates")
        self._model = ModelBytes(_content(model_path, model_content))
        try:
            self._file = ModelFile(self._model.buffer)
        except ValueError as error:
            raise InvalidFileError(f"The model is not a valid Flatbuffer buffer: {error}") from error
        self._flags = KEEP_INPUTS | (KEEP_TENSORS if experimental_preserve_all_tensors else 0)
        self._isa = "ref" if experimental_op_resolver_type is OpResolverType.BUILTIN_REF else isa
        self._threads = num_threads or 1
        self._packed_limit = packed_limit
        self._net: Net | None = None
        self._resized: dict[int, tuple[int, ...]] = {}
        self._views: dict[int, weakref.ref[Any]] = {}  # a dictionary, since `invoke` asks whether it is empty
        self.experimental_compress_quantization_zero_points = experimental_compress_quantization_zero_points

    def __enter__(self) -> Interpreter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the net's memory back. Arrays from `tensor()` keep what they show; `allocate_tensors` opens it anew."""
        self._net = None

    # --- running ---

    def allocate_tensors(self) -> None:
        """Plan the memory and open the model. Does nothing while it is open with the same input shapes.

        Raises RuntimeError: UnsupportedError names every operator that is missing, InvalidModelError what is wrong,
        InterpreterStateError a resized input that does not fit.
        """
        self._ensure_safe()
        if self._net is not None:
            return
        missing = [name for name in self._file.missing_operators() if name.startswith("CUSTOM")]
        if missing:
            name = missing[0].removeprefix("CUSTOM ")
            every = ", ".join(self._file.missing_operators())
            raise UnsupportedError(
                f"Encountered unresolved custom op: {name}. Operators of this model that liteinterp lacks: {every}"
            )
        dims = self._file.open_input_dims()
        dims |= {i: self._resized[index] for i, index in enumerate(self._file.inputs) if index in self._resized}
        self._net = Net(self._model, Request(self._flags, self._isa, self._threads, dims, self._packed_limit))

    @property
    def kernels(self) -> str:
        """Name of the kernel set in use. Raises RuntimeError when the model is not allocated."""
        if self._net is None:
            raise InterpreterStateError(_NOT_ALLOCATED)
        return self._net.kernels

    def invoke(self) -> None:
        """Run the model once. Inputs keep their values. Raises RuntimeError when it is not allocated, or a `tensor()`
        array is still alive."""
        if self._views:
            raise InterpreterStateError(_VIEW_ALIVE)
        net = self._net
        if net is None:
            raise InterpreterStateError("Invoke called on model that is not ready.")
        if net.execute():
            net.fail()

    def reset_all_variables(self) -> None:
        """State tensors back to their start."""
        if self._net is not None:
            self._net.reset()

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        """Give an input another shape; `allocate_tensors` must follow. `strict` allows only dimensions that the file
        leaves open (-1 in `shape_signature`). Raises RuntimeError."""
        self._ensure_safe()
        if input_index not in self._file.inputs:
            raise InterpreterStateError(f"tensor {input_index} is no input of the model; those are {self._file.inputs}")
        wanted = tuple(int(size) for size in np.asarray(tensor_size, dtype=np.int32).reshape(-1))
        if any(size < 0 for size in wanted):
            raise InterpreterStateError(f"cannot resize input {input_index} to {list(wanted)}: sizes are at least 0")
        signature = self._file.tensors[input_index].shape_signature
        file_shape = shape_of(self._file.tensors[input_index])
        if strict:
            known = file_shape if signature is None or not signature.size else tuple(int(size) for size in signature)
            for axis, (old, new) in enumerate(zip(known, wanted, strict=False)):
                if old not in (-1, new):
                    raise InterpreterStateError(
                        f"Attempting to resize dimension {axis} of tensor {input_index} with value {old} to {new}. "
                        "ResizeInputTensorStrict only allows mutating unknown dimensions identified by -1."
                    )
        if wanted != self._shape(input_index):
            self._resized[input_index] = wanted
            self._net = None

    # --- tensors ---

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy a value into a tensor. Raises ValueError for another type or shape than the tensor's."""
        tensor = self._checked(tensor_index)
        array = np.asarray(value)
        name = self._file.tensor_name(tensor_index)
        if self._net is None:
            raise UsageError("Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first")
        if array.dtype != NUMPY_TYPES.get(tensor.type):
            raise UsageError(
                f"Cannot set tensor: Got value of type {array.dtype.name.upper()} but expected type "
                f"{type_name(tensor.type)} for input {tensor_index}, name: {name} "
            )
        shape = self._shape(tensor_index)
        if array.ndim != len(shape):
            raise UsageError(
                f"Cannot set tensor: Dimension mismatch. Got {array.ndim} but expected {len(shape)} for input "
                f"{tensor_index}."
            )
        for axis, (got, expected) in enumerate(zip(array.shape, shape, strict=True)):
            if got != expected:
                raise UsageError(
                    f"Cannot set tensor: Dimension mismatch. Got {got} but expected {expected} for dimension {axis} of "
                    f"input {tensor_index}."
                )
        if self._net.tensor(tensor_index).is_constant:
            raise UsageError(f"Cannot set tensor: tensor {tensor_index} {name!r} is a constant of the model")
        self._readable(tensor_index)[...] = array

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> npt.NDArray[Any]:
        """A copy of a tensor: input, output, constant or variable; any with experimental_preserve_all_tensors.

        Raises ValueError for others, and before `allocate_tensors`.
        """
        self._check_subgraph(subgraph_index)
        self._checked(tensor_index)
        if self._net is None:
            constant = self._file.constant(tensor_index)
            if constant is None:
                raise UsageError(_NOT_ALLOCATED)
            return np.array(constant)
        return np.array(self._readable(tensor_index))

    def tensor(self, tensor_index: int) -> Callable[[], npt.NDArray[Any]]:
        """A function that gives a live array over the tensor's bytes. Hold the function, not the arrays: while one is
        alive, `invoke`, `allocate_tensors` and `resize_tensor_input` raise RuntimeError."""

        def view() -> npt.NDArray[Any]:
            self._checked(tensor_index)
            self._readable(tensor_index)
            assert self._net is not None
            exporter = self._net.export(tensor_index)
            if not isinstance(exporter, np.ndarray):
                self._watch(exporter)
            return np.asarray(exporter)

        return view

    def _watch(self, exporter: object) -> None:
        key, views = id(exporter), self._views
        views[key] = weakref.ref(exporter, lambda _: views.pop(key, None))

    def _readable(self, index: int) -> npt.NDArray[Any]:
        if self._net is None:
            raise UsageError(_NOT_ALLOCATED)
        tensor = self._net.tensor(index)
        fixed = tensor.is_constant or tensor.is_variable or index in self._net.inputs or index in self._net.outputs
        if not fixed and not self._flags & KEEP_TENSORS:
            raise UsageError(_NOT_KEPT.format(index=index, name=tensor.name))
        try:
            return self._net.view(index)
        except LookupError as error:
            raise UsageError(f"{_NOT_ALLOCATED}: {error}") from error

    def _ensure_safe(self) -> None:
        if self._views:
            raise InterpreterStateError(_VIEW_ALIVE)

    def _checked(self, index: int) -> Any:
        tensors = self._file.tensors
        if not isinstance(index, int | np.integer):
            raise TypeError(f"tensor_index must be an int, not {type(index).__name__}")
        if not 0 <= index < len(tensors):
            raise UsageError(f"Invalid tensor index {index} exceeds max tensor index {len(tensors)}")
        return tensors[index]

    def _check_subgraph(self, index: int) -> None:
        if index != 0:
            raise UsageError(f"subgraph_index {index}: only subgraph 0 runs")

    def _shape(self, index: int) -> tuple[int, ...]:
        if self._net is not None:
            return self._net.tensor(index).shape
        return self._resized.get(index, shape_of(self._file.tensors[index]))

    # --- description ---

    def get_input_details(self) -> list[dict[str, Any]]:
        """One dict for each input, in the order of the model."""
        return [self._get_tensor_details(index, 0) for index in self._file.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """One dict for each output, in the order of the model."""
        return [self._get_tensor_details(index, 0) for index in self._file.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """One dict for each tensor whose type numpy can show."""
        if not 0 <= subgraph_index < self.num_subgraphs():
            raise UsageError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has {self.num_subgraphs()} "
                "subgraphs."
            )
        self._check_subgraph(subgraph_index)
        known = [i for i, tensor in enumerate(self._file.tensors) if tensor.type in NUMPY_TYPES]
        return [self._get_tensor_details(index, subgraph_index) for index in known]

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int = 0) -> dict[str, Any]:
        self._check_subgraph(subgraph_index)
        tensor = self._checked(tensor_index)
        if tensor.type not in NUMPY_TYPES:
            raise UsageError(f"Could not get tensor details: tensor {tensor_index} is of type {type_name(tensor.type)}")
        return tensor_details(int(tensor_index), tensor, self._shape(tensor_index))

    def _get_op_details(self, op_index: int) -> dict[str, Any]:
        if not 0 <= op_index < len(self._file.operators):
            raise UsageError("Invalid node index")
        return operator_details(self._file, self._file.operators[op_index])

    def _get_ops_details(self) -> list[dict[str, Any]]:
        """One dict for each operator: index, name, indices and types of its operands and results."""
        return [self._get_op_details(i) for i in range(len(self._file.operators))]

    def num_subgraphs(self) -> int:
        return len(self._file.model.subgraphs)

    def _native_handle(self) -> int:
        raise UsageError("liteinterp has no tflite::Interpreter to hand out")

    # --- signatures ---

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """{key: {'inputs': [names], 'outputs': [names]}}, names sorted."""
        return {
            key: {side: list(names) for side, names in sides.items()}
            for key, sides in self._get_full_signature_list().items()
        }

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            signature.key: {"inputs": dict(sorted(signature.inputs.items())),
                            "outputs": dict(sorted(signature.outputs.items()))}
            for signature in self._file.signatures
        }  # fmt: skip

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A callable that takes arrays by input name and returns a dict of outputs by name.

        The key may be left out when there is one signature. Raises ValueError.
        """
        signatures = self._get_full_signature_list()
        if signature_key is None:
            if len(signatures) != 1:
                raise UsageError(
                    f"SignatureDef signature_key is None and model has {len(signatures)} Signatures. None is only "
                    "allowed when the model has 1 SignatureDef"
                )
            signature_key = next(iter(signatures))
        if signature_key not in signatures:
            raise UsageError(f'Invalid signature_key provided: "{signature_key}".')
        return SignatureRunner(self, signature_key)


def type_name(code: int) -> str:
    """The format's name of an element type."""
    return TensorType(code).name if code in {int(member) for member in TensorType} else f"type {code}"


def _content(path: str | os.PathLike[str] | None, content: Any) -> Any:
    if path and content is not None:
        raise UsageError("Can't both provide `model_path` and `model_content`")
    if path:
        return map_model(path)
    if content is None or not memoryview(content).nbytes:
        raise UsageError("`model_path` or `model_content` must be specified.")
    return content
