"""--max-drop of a conversion: metrics on planted outputs, verdicts, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liteinterp.confidence import binomial_bounds, paired_bounds
from liteinterp.errors import UsageError
from liteinterp.evaluation import Evaluation, Judgement
from liteinterp.gate import parse_bytes

Array = np.ndarray[Any, np.dtype[Any]]


def judged(evaluation: Evaluation, reference: Array, test: Array) -> Judgement:
    """Samples on axis 0, one output."""
    trial = evaluation.trial()
    for a, b in zip(reference, test, strict=True):
        trial.add({"y": a[None]}, {"y": b[None]})
    return trial.judge()


def one_hot(classes: Array) -> Array:
    return np.eye(4, dtype=np.float32)[classes]


def test_labels_mean_top1() -> None:
    """100 samples: the reference has 90 right; the test loses 3 of them and wins 1."""
    labels = np.zeros(100, np.int64)
    ref, test = np.zeros(100, np.int64), np.zeros(100, np.int64)
    ref[:10], test[:10], test[0], test[20:23] = 1, 1, 0, 2
    found = judged(Evaluation("random:", 5, labels), one_hot(ref), one_hot(test))
    assert (found.metric, found.ref, found.test, found.drop) == ("top-1 accuracy", 90.0, 88.0, pytest.approx(2.0))
    assert found.drop_high == pytest.approx(100 * paired_bounds(3, 1, 100).high)
    assert found.status == "undecided" and found.samples_needed is not None and found.samples_needed > 100


def test_a_relative_limit_is_of_the_reference() -> None:
    labels = np.zeros(100, np.int64)
    ref = np.repeat([0, 1], 50)
    assert judged(Evaluation("random:", "10%", labels), one_hot(ref), one_hot(ref)).allowed == 5.0


def test_probabilities_without_labels_mean_agreement() -> None:
    ref = np.random.default_rng(0).integers(0, 4, 300)
    test = ref.copy()
    test[:2] = (test[:2] + 1) % 4
    found = judged(Evaluation("random:", 3), one_hot(ref), one_hot(test))
    assert found.metric == "top-1 agreement" and found.test == pytest.approx(100 * 298 / 300)
    assert found.drop_high == pytest.approx(100 * binomial_bounds(2, 300).high) and found.status == "met"


def test_agreement_of_images_is_by_position() -> None:
    ref = np.random.default_rng(0).normal(size=(20, 4, 4, 3))
    test = ref.copy()
    test[:, 0, 0] = -test[:, 0, 0]
    found = judged(Evaluation("random:", 20, metric="agreement"), ref, test)
    assert found.drop == pytest.approx(100 / 16) and found.status == "met"


def test_other_outputs_mean_sqnr() -> None:
    ref = np.random.default_rng(0).normal(size=(50, 8))
    found = judged(Evaluation("random:", 2), ref, ref * 1.01)
    assert found.metric == "SQNR" and found.test == pytest.approx(40.0) and found.drop == pytest.approx(1.0)
    assert found.status == "met" and "SQNR 40.0 dB" in found.sentence


def test_a_drop_beyond_doubt_is_missed() -> None:
    ref = np.random.default_rng(0).integers(0, 4, 200)
    found = judged(Evaluation("random:", 1), one_hot(ref), one_hot((ref + 1) % 4))
    assert found.status == "missed" and found.samples_needed is None


def test_nan_is_missed() -> None:
    ref = np.ones((5, 3))
    found = judged(Evaluation("random:", 100), ref, np.where(np.arange(3) == 1, np.nan, ref))
    assert found.status == "missed" and "NaN" in found.sentence


def test_a_function_is_handed_everything(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def hits(outputs, labels, reference):\n"
        "    assert set(outputs) == set(reference) == {'y'} and len(outputs['y']) == len(labels)\n"
        "    return float((outputs['y'].argmax(1) == labels).mean())\n"
    )
    labels = np.zeros(60, np.int64)
    test = np.zeros(60, np.int64)
    test[:6] = 1
    np.save(tmp_path / "labels.npy", labels)
    evaluation = Evaluation("random:", 0.2, str(tmp_path / "labels.npy"), f"{tmp_path / 'mine.py'}:hits")
    found = judged(evaluation, one_hot(labels), one_hot(test))
    assert (found.ref, found.test) == (1.0, pytest.approx(0.9)) and found.status == "met"
    assert 0.1 < found.drop_high < 0.2


def test_a_function_may_do_without_the_reference() -> None:
    def largest(outputs: Mapping[str, Array], labels: None) -> float:
        return float(outputs["y"].max())

    ref = np.arange(12.0).reshape(4, 3)
    assert judged(Evaluation("random:", 1, metric=largest), ref, ref - 0.5).drop == pytest.approx(0.5)


def test_a_sample_by_itself_is_judged_by_its_own_label() -> None:
    labels = np.array([0, 3, 1])
    right, wrong = ({"y": one_hot(np.array([i]))} for i in (3, 2))

    def hits(outputs: Mapping[str, Array], labels: Array) -> float:
        return float((outputs["y"].argmax(1) == labels).mean())

    for metric, whole in (("top1", 100.0), (hits, 1.0)):
        evaluation = Evaluation("random:", 1, labels, metric)
        assert evaluation.loss_alone(1, right, wrong) == whole and evaluation.loss_alone(2, right, wrong) == 0.0


def test_a_metric_of_many_samples_says_nothing_of_one() -> None:
    def correlation(outputs: Mapping[str, Array], labels: None) -> float:
        if len(outputs["y"]) < 2:
            raise ValueError("too few")
        return 1.0

    y = {"y": one_hot(np.array([0]))}
    assert Evaluation("random:", 1, metric=correlation).loss_alone(0, y, y) == 0.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "top1"}, "needs the right classes"),
        ({"metric": "accuracy"}, "module:function"),
        ({"metric": "os:name"}, "no function"),
        ({"max_drop": "a lot"}, "number of points"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Evaluation("random:", **{"max_drop": 1, **options})


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="more samples than the 2 labels"):
        judged(Evaluation("random:", 1, np.zeros(2, np.int64)), np.ones((3, 4)), np.ones((3, 4)))


def test_bytes_have_suffixes() -> None:
    found = [parse_bytes(text, "max_size") for text in ("200000", "200K", "1.5M", "64kb", 7, None)]
    assert found == [200_000, 204_800, 1_572_864, 65_536, 7, None]
    for text in ("much", "-1", "inf"):
        with pytest.raises(UsageError, match="max_size"):
            parse_bytes(text, "max_size")


def test_one_sample_cannot_show_anything() -> None:
    found = judged(Evaluation("random:", 1), np.ones((1, 3)) * 2, np.ones((1, 3)) * 2)
    assert found.status == "undecided" and math.isinf(found.drop_high)
