"""A model is not judged by the samples that calibrated it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import liteinterp
from converter.calibrate.manifest import DIGEST_BYTES, MAX_DIGESTS, ManifestBuilder
from converter.calibrate.manifest import digest as written_digest
from liteinterp import cli
from liteinterp.manifest import digest as read_digest
from liteinterp.manifest import read_manifest
from liteinterp.model_file import ModelFile


@pytest.fixture(scope="module")
def model(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's network, calibrated with its first 20 images."""
    path = tmp_path_factory.mktemp("leakage") / "digits.tflite"
    with np.load(digits / "digits.npz") as data:
        calib = {"image": data["calibration"][:20]}
    liteinterp.convert(digits / "digits.onnx", calib=calib, effort=0).save(path)
    return path


def test_the_file_tells_how_many_samples_calibrated(model: Path) -> None:
    manifest = read_manifest(ModelFile(model.read_bytes()))
    assert manifest is not None
    assert (manifest.samples, manifest.random, len(manifest.digests)) == (20, False, 20)


def test_samples_that_calibrated_are_refused_unless_allowed(
    model: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(digits / "digits.npz") as data:
        np.save(tmp_path / "mixed.npy", np.concatenate([data["test"][:3], data["calibration"][7:9]]))
    compare = ["compare", str(digits / "digits.onnx"), str(model), "--data", str(tmp_path / "mixed.npy")]
    assert cli.main(compare) == 2
    said = capsys.readouterr().err
    assert "sample 3 of" in said and "one of the 20 that calibrated digits.tflite" in said
    assert cli.main([*compare, "--allow-calibration-data"]) == 0
    assert "2 of these samples calibrated digits.tflite" in capsys.readouterr().out


def test_both_sides_compute_the_same_digest() -> None:
    sample = {"b": np.array([[1.5, -0.0]], np.float32), "a": np.array([3, -1], np.int32)}
    same = {"a": sample["a"].astype(np.int64), "b": np.array([1.5, 0.0], np.float32)}
    assert written_digest(sample)[:DIGEST_BYTES] == read_digest(sample) == read_digest(same)
    assert read_digest({**same, "b": np.array([1.5, 1e-9], np.float32)}) != read_digest(same)


def test_the_list_stays_short_and_does_not_depend_on_the_order() -> None:
    samples = [{"x": np.array([i], np.float32)} for i in range(2000)]
    found = []
    for _ in range(2):
        random.Random(1).shuffle(samples)
        builder = ManifestBuilder(False)
        for sample in samples:
            builder.add(sample)
        found.append(builder.result())
    assert found[0].digests == found[1].digests == tuple(sorted(map(read_digest, samples))[:MAX_DIGESTS])
    assert found[0].samples == 2000 and found[0].data != found[1].data
