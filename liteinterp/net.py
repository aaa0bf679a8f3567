"""An open model: the one place where Python meets the C interface.

A `Net` owns the memory that `li_open` is given and hands tensors out as numpy arrays that keep this memory alive.
No cffi object leaves this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ._native import ffi, lib
from .element_types import INT4, NUMPY_TYPES, unpack_int4
from .errors import Fault, InterpreterStateError, LiteinterpError, OutOfMemoryError, UsageError, Words, error_of
from .files import MAP_FROM_BYTES
from .model_file import ModelFile, builtin_name

KEEP_TENSORS: int = lib.LI_KEEP_TENSORS
KEEP_INPUTS: int = lib.LI_KEEP_INPUTS
EXACT: int = lib.LI_EXACT
IGNORE_PLAN: int = lib.LI_IGNORE_PLAN
NO_PACK: int = lib.LI_NO_PACK
PLAN_ONLY: int = lib.LI_PLAN_ONLY
IGNORE_PACKED: int = lib.LI_IGNORE_PACKED

#: Names of kernel sets for LITEINTERP_ISA and --isa.
ISA: Mapping[str, int] = {
    "best": lib.LI_ISA_BEST,
    "ref": lib.LI_ISA_REF,
    "sse41": lib.LI_ISA_SSE41,
    "avx2": lib.LI_ISA_AVX2,
    "neon": lib.LI_ISA_NEON,
    "dotprod": lib.LI_ISA_DOTPROD,
    "avxvnni": lib.LI_ISA_AVX_VNNI,
    "avx512vnni": lib.LI_ISA_AVX512_VNNI,
}

#: Names of targets for `inspect --target` and `convert --pack`, and the kernel set of each.
TARGETS: Mapping[str, str] = {
    "portable": "ref",
    "x86-64-sse41": "sse41",
    "x86-64-avx2": "avx2",
    "x86-64-avxvnni": "avxvnni",
    "x86-64-avx512vnni": "avx512vnni",
    "aarch64-neon": "neon",
    "aarch64-dotprod": "dotprod",
}

#: Called before (False) and after (True) each operator with its index; an answer other than None or 0 cancels.
Hook = Callable[[int, bool], int | None]

_ALIGNMENT = 64
_MOST_THREADS = 256
_MODEL_ALIGNMENT = 4
_MOST_BYTES = 2**31 - 1


@dataclass(frozen=True)
class Need:
    """Exact bytes of the four memory parts, and the least that any arena plan could do with (`li_need`)."""

    arena: int
    scratch: int
    state: int
    packed: int
    arena_lower_bound: int
    plan_from_file: bool
    #: Packed weights lie in the file and are used there: `packed` is 0.
    packed_from_file: bool
    #: Why packed weights that the file holds are left alone; "" where it holds none or they are used.
    packed_ignored: str

    @property
    def gap(self) -> float:
        """How far the arena is above the lower bound, in parts of it."""
        return self.arena / self.arena_lower_bound - 1 if self.arena_lower_bound else 0.0

    @property
    def ram(self) -> int:
        """Bytes that a device spends besides the model itself."""
        return self.arena + self.scratch + self.state + self.packed


@dataclass(frozen=True)
class OperatorBytes:
    """What one operator keeps (multipliers, tables; packed weights) and works in (scratch of one thread), in bytes."""

    state: int
    packed: int
    scratch: int


def _has_pool() -> bool:
    """Whether the library was built with threads. A missing symbol is cffi's own error, no AttributeError."""
    try:
        return bool(lib.li_pool_open)
    except ffi.error:
        return False


class _Pool:
    """The threads that help a net, which end with it. Where the system gives none, the caller works alone."""

    def __init__(self, threads: int) -> None:
        self.threads, self.pointer = 1, ffi.NULL
        count = min(threads, _MOST_THREADS)
        if count < 2 or not _has_pool():
            return
        self._memory = _aligned(int(lib.li_pool_bytes(count)))
        pointer = ffi.cast("void *", self._memory.ctypes.data)
        if lib.li_pool_open(pointer, count) == 0:
            self.threads, self.pointer = count, pointer
            self._process = os.getpid()

    def __del__(self) -> None:
        # A forked process has the memory of the pool, but none of its threads.
        if self.threads > 1 and self._process == os.getpid():
            lib.li_pool_close(self.pointer)


@dataclass(frozen=True)
class Request:
    """How to open a net: the fields of `li_options` that Python sets."""

    flags: int = 0
    isa: str | None = None
    #: Threads that work on an operator, this one counted. Results do not depend on it.
    threads: int = 1
    #: Input position -> dimensions that replace the file's.
    input_dims: Mapping[int, Sequence[int]] | None = None
    #: Bytes that packed weights may reach; None: LITEINTERP_PACKED_LIMIT, else no limit. Results do not depend on it.
    packed_limit: int | None = None


@dataclass(frozen=True)
class Tensor:
    """What the runtime knows of one tensor. `shape` is the one of this net, whatever the file says."""

    index: int
    name: str
    shape: tuple[int, ...]
    type_code: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    is_constant: bool
    is_variable: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        return NUMPY_TYPES[self.type_code]


class _Memory:
    """Exports a tensor's bytes to numpy and keeps the net's memory alive as long as any view of them."""

    def __init__(self, owner: Net, address: int, shape: tuple[int, ...], dtype: np.dtype[Any], writable: bool) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, not writable),
            "shape": shape,
            "typestr": dtype.str,
        }


class Net:
    """One open model, used by one thread at a time. Running it releases the interpreter lock.

    Raises, from `errors.error_of`: InvalidFileError, InvalidModelError or UnsupportedError for a model that cannot be
    opened; UsageError for an unknown kernel set.
    """

    def __init__(self, model: ModelBytes, request: Request | None = None) -> None:
        self.model = model
        request = request or Request()
        self._pool = _Pool(request.threads)
        fault = self._open(request)
        if fault.status == lib.LI_STALE_PACKED and self.need.packed_from_file:
            _say_unused(_rule(int(fault.rule)))
            fault = self._open(replace(request, flags=request.flags | IGNORE_PACKED))
        if fault.status:
            raise model.error(fault)
        #: One pass; not 0 when it failed, and `fail` says how. For callers to whom the cost of a call matters: a small
        #: net takes about a microsecond. Others call `run`.
        self.execute: Callable[[], int] = partial(lib.li_run, self._net)
        self._hook_error: BaseException | None = None
        self._described: dict[int, Tensor] = {}
        self.inputs = tuple(self._indices(lib.li_inputs, lib.li_input))
        self.outputs = tuple(self._indices(lib.li_outputs, lib.li_output))

    def _open(self, request: Request) -> Any:
        """Plan and open; answers the `li_fault *` of opening."""
        options = _Options(request, self._pool)
        self.need = need = _plan(self.model, options)[0]
        if need.packed_ignored:
            _say_unused(need.packed_ignored)
        self._parts = [_aligned(size) for size in (need.arena, need.scratch, need.state, need.packed)]
        memory = ffi.new("li_memory *")
        for name, part in zip(("arena", "scratch", "state", "packed"), self._parts, strict=True):
            setattr(memory, name, ffi.cast("void *", part.ctypes.data) if part.size else ffi.NULL)
            setattr(memory, f"{name}_bytes", part.size)
        net, fault = ffi.new("li_net **"), ffi.new("li_fault *")
        lib.li_open(net, self.model.pointer, self.model.size, memory, options.pointer, fault)
        self._net = net[0]
        return fault

    def packed_weights(self) -> bytes:
        """A copy of the packed part, as a file may hold it for these kernels; empty where it was not packed here."""
        return self._parts[3].tobytes()

    def _indices(self, count: Any, get: Any) -> Iterator[int]:
        for i in range(count(self._net)):
            yield int(lib.li_tensor_index(get(self._net, i)))

    # --- running ---

    def run(self) -> None:
        """One pass. Raises InputDataError or CancelledError."""
        if self.execute():
            self.fail()

    def run_operator(self, index: int) -> None:
        """One operator; only meaningful with KEEP_TENSORS. Raises IndexError, InputDataError."""
        if not 0 <= index < self.operations:
            raise IndexError(f"operator {index} of {self.operations}")
        if lib.li_run_operator(self._net, index):
            self.fail()

    def timed_run(self, clock: Callable[[], int]) -> list[int]:
        """One pass, operator by operator: what `clock` counted around each. Raises as `run` does."""
        run_operator, net, counted = lib.li_run_operator, self._net, []
        for i in range(self.operations):
            start = clock()
            status = run_operator(net, i)
            counted.append(clock() - start)
            if status:
                self.fail()
        return counted

    def timed_nothing(self, clock: Callable[[], int]) -> int:
        """What `clock` counts around a call into C that does nothing: `timed_run` has this in every figure."""
        ask, net = lib.li_operations, self._net
        start = clock()
        ask(net)
        return clock() - start

    def multiply_in_registers(self, type_code: int, rounds: int) -> int:
        """How many products the kernels' best instructions did in registers alone (`li_peak`): for who has a clock."""
        return int(lib.li_peak(self._net, type_code, rounds))

    def reset(self) -> None:
        """Variables back to their start."""
        if lib.li_reset(self._net):
            self.fail()

    def fail(self) -> NoReturn:
        """Raise what ended a pass: the exception of a hook, or of the runtime."""
        failed, self._hook_error = self._hook_error, None
        if failed is not None:
            raise failed
        fault = ffi.new("li_fault *")
        lib.li_last_fault(self._net, fault)
        raise self.model.error(fault)

    @contextmanager
    def hooked(self, hook: Hook) -> Iterator[None]:
        """Call `hook(operator, after)` around every operator of `run` inside the block. What it raises ends the run."""

        def call(_context: Any, _net: Any, operation: int, when: int) -> int:
            try:
                return int(hook(int(operation), bool(when)) or 0)
            except BaseException as error:
                self._hook_error = error
                return 1

        handle = ffi.callback("li_hook_fn", call)
        lib.li_hook(self._net, handle, ffi.NULL)
        try:
            yield
        finally:
            lib.li_hook(self._net, ffi.NULL, ffi.NULL)
            del handle

    # --- what is in it ---

    @property
    def operations(self) -> int:
        return int(lib.li_operations(self._net))

    @property
    def kernels(self) -> str:
        """Name of the kernel set in use."""
        return str(ffi.string(lib.li_kernels_name(self._net)).decode())

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor, by index in the file."""
        return tuple(self.tensor(i) for i in range(lib.li_tensors(self._net)))

    def tensor(self, index: int) -> Tensor:
        """The tensor of an index in the file. Raises IndexError for one out of range."""
        if index not in self._described:
            self._described[index] = self._describe(index)
        return self._described[index]

    def _describe(self, index: int) -> Tensor:
        tensor = lib.li_tensor_at(self._net, index)
        if tensor == ffi.NULL:
            raise IndexError(f"tensor {index} of {lib.li_tensors(self._net)}")
        rank = lib.li_tensor_rank(tensor)
        dims = lib.li_tensor_dims(tensor)
        length = ffi.new("size_t *")
        name = lib.li_tensor_name(tensor, length)
        return Tensor(
            index=index,
            name=ffi.buffer(name, length[0])[:].decode("utf-8", "replace") if name != ffi.NULL else "",
            shape=tuple(int(dims[i]) for i in range(rank)),
            type_code=int(lib.li_tensor_type(tensor)),
            scales=_copied("float[]", lib.li_tensor_scales, tensor),
            zero_points=_copied("int32_t[]", lib.li_tensor_zero_points, tensor),
            axis=int(lib.li_tensor_axis(tensor)),
            is_constant=bool(lib.li_tensor_is_constant(tensor)),
            is_variable=bool(lib.li_tensor_is_variable(tensor)),
        )

    def operator(self, index: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Builtin code, input tensors (-1: left out) and output tensors of an operator."""
        inputs = _copied("int32_t[]", lib.li_operator_inputs, self._net, index)
        outputs = _copied("int32_t[]", lib.li_operator_outputs, self._net, index)
        return int(lib.li_operator_builtin(self._net, index)), inputs, outputs

    def operator_bytes(self, index: int) -> OperatorBytes:
        """What an operator adds to the net's memory (`li_operator_bytes`)."""
        return _operator_bytes(self._net, index)

    def operator_loop(self, index: int) -> str:
        """Name of the loop that computes a whole layer (`li_operator_loop`); "" for operators without one."""
        return str(ffi.string(lib.li_operator_loop(self._net, index)).decode())

    def arena_spans(self) -> dict[int, tuple[int, int]]:
        """Tensor -> where its bytes begin and end in the arena, of those that lie there."""
        base, spans = int(self._parts[0].ctypes.data), {}
        for index in range(int(lib.li_tensors(self._net))):
            tensor = lib.li_tensor_at(self._net, index)
            start = int(ffi.cast("uintptr_t", lib.li_tensor_data(tensor))) - base
            if 0 <= start < self.need.arena:
                spans[index] = (start, start + int(lib.li_tensor_bytes(tensor)))
        return spans

    def readable(self, index: int) -> bool:
        """Whether a tensor has bytes of its own to look at."""
        tensor = lib.li_tensor_at(self._net, index)
        return bool(tensor != ffi.NULL and lib.li_tensor_data(tensor) != ffi.NULL)

    def view(self, index: int) -> npt.NDArray[Any]:
        """A live array over a tensor's bytes; constants are read-only, int4 comes unpacked as a copy.

        Raises IndexError for an index out of range, LookupError for a tensor without bytes.
        """
        return np.asarray(self.export(index))

    def export(self, index: int) -> Any:
        """The object behind `view`: numpy makes arrays of it, and it lives as long as any of them."""
        tensor = self.tensor(index)
        handle = lib.li_tensor_at(self._net, index)
        data = lib.li_tensor_data(handle)
        if data == ffi.NULL:
            if 0 in tensor.shape:
                return np.empty(tensor.shape, tensor.dtype)
            raise LookupError(f"tensor {index} {tensor.name!r} has no bytes")
        address = int(ffi.cast("uintptr_t", data))
        if tensor.type_code == INT4:
            packed = np.asarray(_Memory(self, address, (lib.li_tensor_bytes(handle),), np.dtype(np.uint8), False))
            return unpack_int4(packed, tensor.shape)
        return _Memory(self, address, tensor.shape, tensor.dtype, not tensor.is_constant)


class ModelBytes:
    """A model's bytes, checked for structure once, where C can read them.

    A read-only buffer aligned to 4 bytes is used in place; anything else is copied, since the bytes must not change
    while a net is open. Small files are moved to 64 bytes, where packed weights in them can be used. Raises
    InvalidFileError.
    """

    def __init__(self, content: Any) -> None:
        source = memoryview(content)
        array = np.frombuffer(source, np.uint8) if source.nbytes else np.empty(0, np.uint8)
        small = array.size < MAP_FROM_BYTES and array.ctypes.data % _ALIGNMENT
        if not source.readonly or array.ctypes.data % _MODEL_ALIGNMENT or small:
            copy = _aligned(array.size)
            copy[:] = array
            array = copy
        self._array = array
        self.size = int(array.size)
        self.pointer = ffi.cast("void *", array.ctypes.data)
        info, fault = ffi.new("li_info *"), ffi.new("li_fault *")
        if lib.li_check(self.pointer, self.size, info, fault):
            raise self.error(fault)
        self.work_bytes = int(info.work_bytes)

    @property
    def buffer(self) -> memoryview:
        return memoryview(self._array.data)

    def error(self, fault: Any) -> LiteinterpError:
        """The exception for a `li_fault *`, in the words of this model. Of missing operators it names every one."""
        values = Fault(
            status=int(fault.status),
            rule=int(fault.rule),
            operation=int(fault.operation),
            builtin=int(fault.builtin),
            tensor=int(fault.tensor),
            needed=int(fault.needed),
            had=int(fault.had),
        )
        file = _readable_file(self, values)
        missing = file.missing_operators() if file is not None and values.status == lib.LI_UNSUPPORTED else ()
        hint = f"Operators of this model that liteinterp lacks: {', '.join(missing)}" if missing else ""
        return error_of(values, _words(file), hint)


def plan(model: ModelBytes, request: Request | None = None) -> Need:
    """The memory that a net would need (`li_plan`). Raises as Net does."""
    return _plan(model, _Options(request or Request()))[0]


def plan_operators(model: ModelBytes, operations: int, request: Request) -> tuple[Need, tuple[OperatorBytes, ...]]:
    """The memory that a net would need, and the share of each of its `operations`. With PLAN_ONLY for any kernel set
    that the library has sizes of, whatever this machine runs. Raises as Net does."""
    need, work = _plan(model, _Options(request))
    planned = ffi.cast("li_net *", work.ctypes.data)
    return need, tuple(_operator_bytes(planned, index) for index in range(operations))


def version() -> str:
    """The library's version."""
    return str(ffi.string(lib.li_version()).decode())


def _packed_limit(asked: int | None) -> int:
    """Bytes for li_options, where 0 is no limit: a limit of 0 is one of 1 byte, in which nothing fits."""
    if asked is None:
        text = os.environ.get("LITEINTERP_PACKED_LIMIT") or ""
        if not text:
            return 0
        if not text.isascii() or not text.isdecimal():
            raise UsageError(f"LITEINTERP_PACKED_LIMIT is {text!r}; it can be a number of bytes")
        asked = int(text)
    if not isinstance(asked, int) or asked < 0:
        raise UsageError(f"packed_limit is {asked!r}; it can be a number of bytes, 0 or more")
    return min(max(asked, 1), _MOST_BYTES)


class _Options:
    """A `li_options` and what it points to."""

    def __init__(self, request: Request, pool: _Pool | None = None) -> None:
        float_mode = os.environ.get("LITEINTERP_FLOAT") or "fast"
        if float_mode not in ("exact", "fast"):
            raise UsageError(f"LITEINTERP_FLOAT is {float_mode!r}; it can be exact or fast")
        isa = request.isa or os.environ.get("LITEINTERP_ISA") or "best"
        if isa not in ISA:
            raise UsageError(f"unknown kernel set {isa!r}; there are {', '.join(ISA)}")
        self.pointer = ffi.new("li_options *")
        self.pointer.struct_bytes = ffi.sizeof("li_options")
        self.pointer.flags = request.flags | (EXACT if float_mode == "exact" else 0)
        self.pointer.isa = ISA[isa]
        self.pointer.packed_limit = _packed_limit(request.packed_limit)
        if pool is not None and pool.threads > 1:
            self.pointer.threads, self.pointer.pool = pool.threads, pool.pointer
            self.pointer.parallel = lib.li_pool_run
        changed = request.input_dims or {}
        self._dims = ffi.new("li_input_dims[]", len(changed))
        for row, (position, dims) in zip(self._dims, changed.items(), strict=True):
            if len(dims) > len(row.dims):
                found = f"{len(dims)} dimensions, at most {len(row.dims)} are supported"
                raise InterpreterStateError(f"input {position}: {found}")
            row.input = position
            row.rank = len(dims)
            for axis, size in enumerate(dims):
                row.dims[axis] = size
        if changed:
            self.pointer.input_dims = self._dims
            self.pointer.input_dims_count = len(changed)


def _operator_bytes(net: Any, index: int) -> OperatorBytes:
    parts = [ffi.new("size_t *") for _ in range(3)]
    lib.li_operator_bytes(net, index, *parts)
    return OperatorBytes(*(int(part[0]) for part in parts))


def _plan(model: ModelBytes, options: _Options) -> tuple[Need, npt.NDArray[np.uint8]]:
    """What is needed, and the working memory, which knows the share of each operator."""
    work = _aligned(model.work_bytes)
    need, fault = ffi.new("li_need *"), ffi.new("li_fault *")
    pointer = ffi.cast("void *", work.ctypes.data)
    if lib.li_plan(model.pointer, model.size, options.pointer, pointer, work.size, need, fault):
        raise model.error(fault)
    found = Need(
        arena=int(need.arena),
        scratch=int(need.scratch),
        state=int(need.state),
        packed=int(need.packed),
        arena_lower_bound=int(need.arena_lower_bound),
        plan_from_file=bool(need.plan_from_file),
        packed_from_file=bool(need.packed_from_file),
        packed_ignored=_rule(int(need.packed_ignored)) if need.packed_ignored else "",
    )
    return found, work


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """Zeroed bytes at an address that every kernel likes."""
    try:
        block = np.zeros(size + _ALIGNMENT, np.uint8)
    except (MemoryError, ValueError) as error:
        raise OutOfMemoryError(f"the model needs {size:,} bytes at once, more than this machine gives") from error
    start = -block.ctypes.data % _ALIGNMENT
    return block[start : start + size]


def _copied(array: str, call: Any, owner: Any, *index: int) -> tuple[Any, ...]:
    """Ask a C function that copies a list how long it is, then for the list."""
    count = int(call(owner, *index, ffi.NULL, 0))
    room = ffi.new(array, max(count, 1))
    call(owner, *index, room, count)
    return tuple(ffi.unpack(room, count))


def _readable_file(model: ModelBytes, fault: Fault) -> ModelFile | None:
    """The file, to take names from; None where it is too broken to read."""
    if fault.status != lib.LI_BAD_FILE:
        with suppress(ValueError):
            return ModelFile(model.buffer)
    return None


def _say_unused(reason: str) -> None:
    import logging  # takes milliseconds, and is seldom needed

    logging.getLogger("liteinterp").warning("packed weights in the file are not used: %s", reason)


def _rule(rule: int) -> str:
    return str(ffi.string(lib.li_rule_text(rule)).decode())


def _words(file: ModelFile | None) -> Words:
    return Words(
        rule=_rule,
        status=lambda status: str(ffi.string(lib.li_strerror(status)).decode()),
        operator=lambda index, code: file.operator_words(index) if file else f"operator {builtin_name(code)} ({index})",
        tensor=lambda index: file.tensor_words(index) if file else f"tensor {index}",
    )
