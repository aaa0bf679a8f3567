"""Packed weights that a file holds beside the plain ones: whether they would be used, and whether they are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import UnsupportedError
from .model_file import ModelFile
from .net import IGNORE_PACKED, ISA, KEEP_INPUTS, PLAN_ONLY, ModelBytes, Net, Request, plan

#: Metadata entries begin so; the name of a kernel set follows.
PACKED = "liteinterp.packed."


def packed_entries(model: ModelBytes, file: ModelFile, dims: Mapping[int, Sequence[int]]) -> dict[str, str]:
    """Kernel set -> a verdict on the weights that the file holds packed for it. Hashes tell mix-ups; here the weights
    are packed anew and compared."""
    names = [name.removeprefix(PACKED) for name in file.metadata_sizes() if name.startswith(PACKED)]
    return {name: _verdict(name, model, file, dims) for name in names}


def _verdict(name: str, model: ModelBytes, file: ModelFile, dims: Mapping[int, Sequence[int]]) -> str:
    if name not in ISA:
        return "not used: this version knows no such kernel set"
    try:
        need = plan(model, Request(KEEP_INPUTS | PLAN_ONLY, name, input_dims=dims))
    except UnsupportedError:
        return "not checked: this build has no such kernels"
    if not need.packed_from_file:
        return f"not used: {need.packed_ignored or 'nothing of this model is packed'}"
    try:
        own = Net(model, Request(KEEP_INPUTS | IGNORE_PACKED, name, input_dims=dims)).packed_weights()
    except UnsupportedError:
        return "not checked: this machine does not run these kernels"
    same = own == file.metadata(PACKED + name)
    return "used, as packing gives them" if same else "NOT what packing the file's weights gives"
