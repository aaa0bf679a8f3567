"""Fuzzes a frontend with libFuzzer in Python.

python tests/fuzz/fuzz_frontend.py onnx|tflite [libFuzzer options] CORPUS...
"""

from __future__ import annotations

import random
import resource
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
#: The finder of an editable install would load the frontends past atheris, which then counts nothing in them.
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["converter.frontends", "converter.ops", "converter.ir"]):
    from frontend_targets import be_quiet, is_read

from mutate_models import MUTATORS  # noqa: E402

#: Bytes of addresses that the process may take: what a small file makes of itself has to fit.
ADDRESSES = 4 << 30


def main(format: str, seeds: list[bytes]) -> None:
    mutate_model = MUTATORS[format]

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Half of the mutants come from seeds: most of what libFuzzer keeps is refused at the first glance."""
        rng = random.Random(seed)
        origin = rng.choice(seeds) if seeds and rng.random() < 0.5 else data
        if rng.random() < 0.05:
            return bytes(atheris.Mutate(origin, max_size))
        changed = mutate_model(origin, rng) or (mutate_model(rng.choice(seeds), rng) if seeds else None)
        if changed is None or not 0 < len(changed) <= max_size:
            return bytes(atheris.Mutate(data, max_size))
        return changed

    def execute(data: bytes) -> None:
        is_read(format, data)

    be_quiet()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    sys.argv.remove(format)
    atheris.Setup(sys.argv, execute, custom_mutator=mutate)
    atheris.Fuzz()


def read_seeds(arguments: list[str]) -> list[bytes]:
    """The files of the last folder given."""
    folder = Path(arguments[-1])
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


if __name__ == "__main__":
    main(sys.argv[1], read_seeds(sys.argv))
