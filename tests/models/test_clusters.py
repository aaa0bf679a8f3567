"""joblib's backends for clusters give the same bytes as one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_graphs import small_cnn

from converter import backend
from converter.options import Options
from converter.pipeline import convert

joblib = pytest.importorskip("joblib", reason="needs joblib")
pytestmark = pytest.mark.slow


@contextmanager
def dask(repository: Path) -> Iterator[None]:
    distributed = pytest.importorskip("distributed", reason="needs dask and distributed")
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        yield


@contextmanager
def ray(repository: Path) -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.util.joblib import register_ray

    path = os.pathsep.join([str(repository), *filter(None, [os.environ.get("PYTHONPATH")])])
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
    try:
        register_ray()
        yield
    finally:
        ray.shutdown()


@pytest.mark.parametrize("cluster", [dask, ray], ids=lambda cluster: str(cluster.__name__))
def test_a_cluster_changes_no_byte(cluster, repository: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, random = tmp_path / "small.tflite", np.random.default_rng(0)
    path.write_bytes(backend.write(small_cnn()))
    samples = [{"x": random.normal(0, 1, (1, 8, 8, 3)).astype(np.float32)} for _ in range(150)]
    alone = convert(path, Options(), samples)
    with cluster(repository), joblib.parallel_config(backend=cluster.__name__):
        assert convert(path, Options(workers=2), samples).model == alone.model
