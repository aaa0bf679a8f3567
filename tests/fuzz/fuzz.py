"""Runs every fuzzer for some time: ``make fuzz SECS=60``.

    python tests/fuzz/fuzz.py FOLDER SECONDS [EXECUTIONS]

FOLDER holds the programs fuzz_check, fuzz_plan and fuzz_run and the seeds; the corpora grow there, one folder for each
target, and findings are left there too. A target stops after SECONDS, or after EXECUTIONS where that is given.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ("-max_len=6200", "-timeout=5", "-rss_limit_mb=1000")
FRONTEND = ("-max_len=8000", "-timeout=20", "-rss_limit_mb=2000")


@dataclass(frozen=True)
class Target:
    name: str
    command: tuple[str, ...]
    seeds: str


def targets(folder: Path) -> list[Target]:
    frontend = (sys.executable, str(ROOT / "tests" / "fuzz" / "fuzz_frontend.py"))
    return [
        *(
            Target(f"fuzz_{name}", (str(folder / f"fuzz_{name}"), *RUNTIME), "tflite")
            for name in ("check", "plan", "run")
        ),
        *(Target(f"frontend_{name}", (*frontend, name, *FRONTEND), name) for name in ("onnx", "tflite")),
    ]


def fuzz(target: Target, folder: Path, limits: list[str]) -> bool:
    """Runs one target; answers whether it found nothing."""
    corpus, found = folder / f"{target.name}.corpus", folder / f"{target.name}.found"
    for made in (corpus, found):
        made.mkdir(exist_ok=True)
    log = folder / f"{target.name}.log"
    start = time.monotonic()
    options = [f"-artifact_prefix={found}/", *limits, str(corpus), str(folder / "seeds" / target.seeds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("w") as output:
        done = subprocess.run([*target.command, *options], stdout=output, stderr=subprocess.STDOUT, env=environment)
    text = log.read_text(errors="replace")
    counts = re.findall(r"^Done (\d+) runs|^#(\d+)\s", text, re.MULTILINE)
    executions = max((int(a or b) for a, b in counts), default=0)
    seconds = time.monotonic() - start
    print(
        f"{target.name}: {executions} executions in {seconds:.0f} s, corpus {len(list(corpus.iterdir()))} files",
        flush=True,
    )
    if done.returncode != 0 or executions == 0:
        print("\n".join(text.splitlines()[-40:]))
        print(f"{target.name} FOUND something (exit status {done.returncode}): {found}, {log}", flush=True)
    return done.returncode == 0 and executions > 0


def main(folder: Path, seconds: str, executions: str | None = None) -> int:
    limits = [f"-max_total_time={seconds}", *([f"-runs={executions}"] if executions else [])]
    sound = [fuzz(target, folder.resolve(), limits) for target in targets(folder.resolve())]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
