"""What is known of an operator. The generator fills these, and copies them into converter/gen/ops.py, data behind."""

from __future__ import annotations

from dataclasses import dataclass

OptionValue = int | float | bool | str | tuple[int, ...]


@dataclass(frozen=True)
class OperandSpec:
    """An input or output. `optional`: may be None; `constant`: must hold data; `variadic`: the last one, may repeat."""

    name: str
    optional: bool = False
    constant: bool = False
    variadic: bool = False


@dataclass(frozen=True)
class TypeRow:
    """Element types that go together, by DType value. A repeated last input has the type of its column."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OptionField:
    """A field of an options table. `kind` is int, float, bool, enum (by member name) or ints (a tuple)."""

    name: str
    kind: str
    default: OptionValue
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpSpec:
    """One operator of schema/ops.toml, where the fields are explained; `option_fields`: those of its options table."""

    name: str
    code: int
    family: str
    options: str
    options_tag: int
    inputs: tuple[OperandSpec, ...]
    outputs: tuple[OperandSpec, ...]
    types: tuple[TypeRow, ...]
    quantize: str
    fixed: tuple[int, int] | None
    channel_axis: int | None
    activation: bool
    in_place: tuple[int, ...]
    alias: bool
    shrink: bool
    broadcast: bool
    unsigned: bool
    versions: tuple[tuple[str, int], ...]
    max_version: int
    litert: str
    tflm: str
    doc: str
    option_fields: tuple[OptionField, ...] = ()

    @property
    def variadic(self) -> bool:
        """The last input may repeat."""
        return bool(self.inputs) and self.inputs[-1].variadic

    @property
    def repeats_output(self) -> bool:
        """The last output may repeat."""
        return bool(self.outputs) and self.outputs[-1].variadic

    @property
    def min_inputs(self) -> int:
        """How many inputs there must be at least."""
        return max((i + 1 for i, operand in enumerate(self.inputs) if not operand.optional), default=0)

    def input(self, i: int) -> OperandSpec:
        """The description of input i, where the last one repeats if it is variadic. Raises IndexError."""
        return self.inputs[-1] if self.variadic and i >= len(self.inputs) else self.inputs[i]

    def fixed_for(self, dtype: str) -> tuple[int, int] | None:
        """Denominator of the scale and zero point that an output of this element type must have; None: it is free."""
        if self.fixed is None or dtype == "int16":
            return None if self.fixed is None else (32768, 0)
        denominator, zero_point = self.fixed
        return denominator, zero_point + 128 if dtype == "uint8" else zero_point

    def version(self, dtype: str) -> int:
        """The lowest operator version that says all we write, by the element type of input 0."""
        versions = dict(self.versions)
        return versions[dtype] if dtype in versions else versions["*"]
