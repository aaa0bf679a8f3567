"""Linear algebra that gives the same bits whatever order sums are taken in, against numpy's."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from converter.quantize.fixed_order import BLOCK, cholesky, nearest_plane, product, row_sums

Matrices = npt.NDArray[np.float64]


def positive_definite(groups: int, n: int, seed: int = 0) -> Matrices:
    rows = np.random.default_rng(seed).normal(size=(groups, n, 2 * n))
    matrices: Matrices = rows @ rows.transpose(0, 2, 1) / n
    return matrices


def test_product_is_near_the_true_one() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(size=(2, 7, 300)), random.normal(size=(2, 300, 5)) * 1e-9
    assert np.abs(product(a, b) / np.abs(b).max() - a @ b / np.abs(b).max()).max() < 1e-9


def test_product_does_not_depend_on_the_order_of_terms() -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=(1, 9, 777)), random.normal(size=(1, 777, 4))
    shuffled = random.permutation(777)
    assert (product(a, b) == product(a[:, :, shuffled], b[:, shuffled])).all()


def test_row_sums_do_not_depend_on_the_order_of_terms() -> None:
    random = np.random.default_rng(3)
    array = random.normal(size=(3, 10_001))
    assert (row_sums(array) == row_sums(array[:, random.permutation(10_001)])).all()
    assert row_sums(array) == pytest.approx(array.sum(axis=1), abs=1e-6)


@pytest.mark.parametrize(("groups", "n"), [(1, 1), (5, 9), (1, BLOCK), (2, BLOCK + 1), (1, 2 * BLOCK + 30)])
def test_cholesky_agrees_with_lapack(groups: int, n: int) -> None:
    matrices = positive_definite(groups, n)
    assert cholesky(matrices) == pytest.approx(np.linalg.cholesky(matrices), abs=1e-9)


def test_nearest_plane_takes_the_bound_into_account() -> None:
    lower = cholesky(positive_definite(1, 4))
    assert np.abs(nearest_plane(lower, np.full((1, 2, 4), 500.0), 127)).max() == 127


def test_nearest_plane_is_nearly_as_good_as_trying_all() -> None:
    """Three columns, every combination of neighbours: never better than the best, and better than plain rounding."""
    lower = cholesky(positive_definite(1, 3, seed=5) + 3.0)
    wanted = np.random.default_rng(6).normal(size=(1, 200, 3)) * 20

    def error(codes: Matrices) -> Matrices:
        squares: Matrices = (((wanted - codes) @ lower) ** 2).sum(axis=-1)
        return squares

    steps = itertools.product((-1.0, 0.0, 1.0, 2.0), repeat=3)
    best = np.min([error(np.floor(wanted) + np.array(step)) for step in steps], axis=0)
    found, plain = error(nearest_plane(lower, wanted, 127)), error(np.rint(wanted))
    assert (found >= best - 1e-9).all()
    assert found.mean() < 1.1 * best.mean() < 0.8 * plain.mean()


@pytest.mark.parametrize("n", [3, 2 * BLOCK + 5])
def test_columns_in_blocks_are_rounded_as_one_by_one(n: int) -> None:
    lower = cholesky(positive_definite(2, n))
    wanted = np.random.default_rng(7).normal(size=(2, 3, n)) * 30
    codes = np.zeros_like(wanted)
    for k in reversed(range(n)):
        left = wanted[:, :, k + 1 :] - codes[:, :, k + 1 :]
        pull = (left * lower[:, np.newaxis, k + 1 :, k]).sum(axis=2) / lower[:, k, k][:, np.newaxis]
        codes[:, :, k] = np.rint(wanted[:, :, k] + pull)
    assert (nearest_plane(lower, wanted, 1 << 30) == codes).all()
