"""What schema/generate.py writes is in the tree, and says what the schema says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from converter.gen import tflite
from converter.gen.ops import OPS
from liteinterp.gen import ops as runtime_ops


def test_generated_files_are_current(repository: Path) -> None:
    command = [sys.executable, "schema/generate.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_slots_of_the_core_tables(repository: Path) -> None:
    """Numbers that every other implementation of the format uses; a wrong one would still read our own files."""
    header = (repository / "csrc" / "gen" / "li_schema.h").read_text()
    slots = {name: int(value) for name, value in re.findall(r"LI_SLOT_(\w+) = (\d+)", header)}
    assert slots["Model_buffers"] == 4 and slots["Model_metadata"] == 6 and slots["Model_signature_defs"] == 7
    assert slots["Tensor_quantization"] == 4 and slots["Tensor_is_variable"] == 5 and slots["Tensor_has_rank"] == 8
    assert slots["QuantizationParameters_scale"] == 2 and slots["QuantizationParameters_quantized_dimension"] == 6
    assert slots["Operator_builtin_options_type"] == 3 and slots["Operator_builtin_options"] == 4
    assert slots["Operator_builtin_options_2"] == 12 and slots["OperatorCode_builtin_code"] == 3
    assert slots["DepthwiseConv2DOptions_depth_multiplier"] == 3


def test_codes_and_tags(repository: Path) -> None:
    assert tflite.BuiltinOperator.QUANTIZE == 114 and tflite.BuiltinOperator.STABLEHLO_CASE == 209
    assert len(tflite.BuiltinOperator) == 210
    assert OPS["QUANTIZE"].options_tag == 89 and OPS["LOGISTIC"].options_tag == 0
    assert tflite.BUILTIN_OPTIONS_NAMES[126] == "RightShiftOptions"


def test_runtime_and_converter_name_the_same_operators() -> None:
    assert set(runtime_ops.SUPPORTED) == set(OPS)
    assert all(runtime_ops.BUILTIN_NAMES[spec.code] == name for name, spec in OPS.items())
