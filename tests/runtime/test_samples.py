"""What a SRC may be, how data is made to fit, and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteinterp.errors import UsageError
from liteinterp.samples import InputSpec, Samples, open_samples

F32 = np.dtype(np.float32)
IMAGE = InputSpec("image", (1, 3, 4, 5), F32)
TWO = (InputSpec("a", (1, 3), F32), InputSpec("b", (1, 2, 2), np.dtype(np.int64)))
ROWS = np.arange(7 * 60, dtype=np.float32).reshape(7, 3, 4, 5)


def read(samples: Samples) -> dict[str, np.ndarray[Any, Any]]:
    """All samples, stacked; a second pass must give the same."""
    first, second = list(samples), list(samples)
    for one, two in zip(first, second, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    for sample in first:
        for spec in samples.inputs:
            assert sample[spec.name].shape == spec.shape and sample[spec.name].dtype == spec.dtype
    return {spec.name: np.concatenate([sample[spec.name] for sample in first]) for spec in samples.inputs}


def check(src: Any, count: int = 7, limit: int | None = None) -> Samples:
    samples = open_samples(src, [IMAGE], limit)
    np.testing.assert_array_equal(read(samples)["image"], ROWS[:count])
    return samples


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    np.savez_compressed(tmp_path / "data.npz", image=ROWS, other=np.zeros(3))
    return tmp_path / "data.npz"


def test_npz_by_input_name(npz: Path) -> None:
    assert check(str(npz)).count == 7
    assert check(npz).count == 7


def test_npz_with_a_key(npz: Path) -> None:
    check(f"{npz}:image")
    with pytest.raises(UsageError, match=r"has no array 'nothing'.*'image'"):
        open_samples(f"{npz}:nothing", [IMAGE])


def test_npz_in_fortran_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", image=np.asfortranarray(ROWS))
    check(str(tmp_path / "f.npz"))


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", ROWS)
    check(str(tmp_path / "data.npy"))
    check(f"image={tmp_path / 'data.npy'}")


def test_a_folder_of_single_samples_in_order_of_names(tmp_path: Path) -> None:
    for i, row in enumerate(ROWS):
        np.save(tmp_path / f"{i:03}.npy", row)
    assert check(str(tmp_path)).count == 7


def test_a_folder_of_npz_with_one_or_many_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=ROWS[0])
    np.savez(tmp_path / "b.npz", image=ROWS[1:2])
    np.savez(tmp_path / "c.npz", image=ROWS[2:])
    check(str(tmp_path))


def test_limit_reads_no_more(npz: Path) -> None:
    assert check(str(npz), count=3, limit=3).count == 3
    assert check(str(npz), limit=100).count == 7
    with pytest.raises(UsageError, match="at least 1"):
        open_samples(str(npz), [IMAGE], 0)


@pytest.mark.parametrize(
    "body",
    [
        "def make(): return {'image': ROWS}",
        "def make(): return ROWS",
        "def make():\n    for row in ROWS: yield {'image': row}",
        "def make():\n    for row in ROWS: yield [row]",
        "def make():\n    for row in ROWS: yield row",
        "make = [{'image': row[None]} for row in ROWS]",
        "class Reader:\n    def __init__(self): self.rows = iter(ROWS)\n"
        "    def get_next(self):\n        row = next(self.rows, None)\n"
        "        return None if row is None else {'image': row}\nmake = Reader()",
        "class Reader:\n    def __init__(self): self.rows = iter(ROWS)\n"
        "    def get_next(self):\n        row = next(self.rows, None)\n"
        "        return None if row is None else {'image': row}\nmake = Reader",
    ],
    ids=["dict", "array", "dicts", "lists", "arrays", "a list", "an ONNX Runtime reader", "its class"],
)
def test_user_code(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "import numpy as np\nROWS = np.arange(7 * 60, dtype=np.float32).reshape(7, 3, 4, 5)\n"
    (tmp_path / "my_data.py").write_text(rows + body)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    check("py:my_data.py:make")


@pytest.mark.parametrize(
    "src", ["py:nothing", "py:no_such_module_here:make", "py:os:no_such_name", "py:missing.py:make"]
)
def test_user_code_that_cannot_be_loaded(src: str) -> None:
    with pytest.raises(UsageError, match="py:"):
        open_samples(src, [IMAGE])


def test_what_user_code_raises_is_told_as_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def make():\n    yield {'image': 1 / 0}\n")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        open_samples(f"py:{tmp_path / 'broken.py'}:make", [IMAGE])


def test_dicts_of_arrays_and_iterables_in_python() -> None:
    check({"image": ROWS})
    check(ROWS)
    check([{"image": row} for row in ROWS])
    check({"image": row} for row in ROWS)
    check(lambda: ({"image": row} for row in ROWS))


def test_random_numbers_are_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("liteinterp").propagate = True
    found = read(open_samples("random:5", [IMAGE]))["image"]
    assert found.shape == (5, 3, 4, 5) and found.min() >= -1 and found.max() < 1
    assert "RANDOM" in caplog.text
    with pytest.raises(UsageError, match="random:64"):
        open_samples("random:many", [IMAGE])


def test_several_inputs(tmp_path: Path) -> None:
    a, b = np.arange(12, dtype=np.float32).reshape(4, 3), np.arange(16).reshape(4, 2, 2)
    np.savez(tmp_path / "both.npz", a=a, b=b)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    for src in (
        str(tmp_path / "both.npz"),
        [f"a={tmp_path}/a.npy", f"b={tmp_path}/b.npy"],
        {"b": str(tmp_path / "b.npy"), "a": f"{tmp_path}/both.npz:a"},
        {"a": a, "b": b},
        [(x, y) for x, y in zip(a, b, strict=True)],
    ):
        found = read(open_samples(src, TWO))
        np.testing.assert_array_equal(found["a"], a)
        np.testing.assert_array_equal(found["b"], b)


@pytest.mark.parametrize(
    "src,words",
    [
        ({"a": np.zeros((4, 3), np.float32)}, "no array for input 'b'"),
        ({"a": np.zeros((4, 3), np.float32), "b": np.zeros((5, 2, 2), np.int64)}, "different numbers of samples"),
        (["a=x.npy"], "no data for input 'b'"),
        (["a=x.npy", "c=y.npy"], "'a', 'b'.*not 'c=y.npy'"),
        (np.zeros((4, 3), np.float32), "2 inputs"),
    ],
    ids=["one missing", "counts differ", "one source", "wrong name", "one array"],
)
def test_several_inputs_refused(src: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_samples(src, TWO)


@pytest.mark.parametrize(
    "src,words",
    [
        ("no/such/file.npz", "no data at 'no/such/file.npz'.*\\.npz file"),
        ({"arr_0": ROWS}, None),
        ({"picture": ROWS}, "no array for input 'image'.*'picture'"),
        ({"picture": ROWS, "photo": ROWS}, "no array for input 'image'.*'picture'.*'photo'"),
        ({"image": ROWS[:, :, :, :4]}, "cannot take an array of shape 3×4×4.*3×4×5"),
        ({"image": ROWS[:0]}, "holds no sample"),
        ({"image": np.where(ROWS == 5, np.nan, ROWS)}, "sample 0.*NaN"),
        ({"image": np.where(ROWS == 200, np.inf, ROWS)}, "sample 3.*infinite"),
        ({"image": ROWS.astype(np.complex64)}, "complex64"),
        (42, "int"),
        ([{"wrong": row} for row in ROWS], "no data for input 'image'.*'wrong'"),
        ([(row, row) for row in ROWS], "arrays in the order of the inputs"),
        ("wrong=data.npy", "names the input 'wrong'.*'image'"),
    ],
)
def test_data_that_does_not_fit_is_refused(src: Any, words: str | None) -> None:
    if words is None:
        check(src)
        return
    with pytest.raises(UsageError, match=words) as caught:
        list(open_samples(src, [IMAGE]))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    for name, content in (("a.npz", b"PK not a zip"), ("a.npy", b"no array"), ("b.txt", b"1 2 3")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=name):
            open_samples(str(tmp_path / name), [IMAGE])
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"objects\.npy"):
        open_samples(str(tmp_path / "objects.npy"), [IMAGE])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no \.npz or \.npy"):
        open_samples(str(tmp_path / "empty"), [IMAGE])


def test_a_truncated_archive_is_refused(npz: Path) -> None:
    npz.write_bytes(npz.read_bytes()[:-200])
    with pytest.raises(UsageError, match=r"data\.npz"):
        open_samples(str(npz), [IMAGE])


def test_images_with_channels_last_are_transposed_and_it_is_said() -> None:
    samples = open_samples({"image": ROWS.transpose(0, 2, 3, 1)}, [IMAGE])
    np.testing.assert_array_equal(read(samples)["image"], ROWS)
    assert len(samples.notes) == 1 and "channels last to channels first" in samples.notes[0]


def test_rows_and_columns_are_never_exchanged() -> None:
    with pytest.raises(UsageError):
        open_samples({"image": ROWS.transpose(0, 1, 3, 2)}, [IMAGE])


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
def test_data_that_fits_as_it_is_is_taken_as_it_is(channels: int, rows: int, columns: int) -> None:
    spec = InputSpec("x", (1, channels, rows, columns), F32)
    data = np.arange(2 * channels * rows * columns, dtype=np.float32).reshape(2, channels, rows, columns)
    samples = open_samples({"x": data}, [spec])
    np.testing.assert_array_equal(read(samples)["x"], data)
    assert not samples.notes


@pytest.mark.parametrize("shape", [(7, 60), (7, 1, 60), (7, 60, 1), (7, 1, 1, 60)])
def test_dimensions_of_one_do_not_matter(shape: tuple[int, ...]) -> None:
    spec = InputSpec("x", (1, 60, 1, 1), F32)
    np.testing.assert_array_equal(read(open_samples({"x": ROWS.reshape(shape)}, [spec]))["x"].reshape(7, 60),
                                  ROWS.reshape(7, 60))  # fmt: skip


def test_integers_for_a_float_input_are_taken_as_numbers_and_it_is_said() -> None:
    samples = open_samples({"image": (ROWS % 256).astype(np.uint8)}, [IMAGE])
    np.testing.assert_array_equal(read(samples)["image"], (ROWS % 256).astype(np.float32))
    assert "uint8" in samples.notes[0] and "not scaled" in samples.notes[0]


def test_floats_for_an_integer_input_are_refused_with_the_scale() -> None:
    spec = InputSpec("x", (1, 60), np.dtype(np.int8), 0.5, -3)
    with pytest.raises(UsageError, match=r"takes integers. Quantize the data with scale 0.5 and zero point -3"):
        open_samples({"x": ROWS.reshape(7, 60)}, [spec])


def test_integers_must_be_in_range() -> None:
    spec = InputSpec("x", (1, 60), np.dtype(np.int8))
    with pytest.raises(UsageError, match="from 0 to 255, outside int8"):
        open_samples({"x": np.tile(np.array([0, 255]), (7, 30))}, [spec])
    assert read(open_samples({"x": np.full((7, 60), 100, np.int64)}, [spec]))["x"].dtype == np.int8


def test_float64_becomes_float32_and_too_large_numbers_are_refused() -> None:
    read(open_samples({"image": ROWS.astype(np.float64)}, [IMAGE]))
    with pytest.raises(UsageError, match="infinite"):
        open_samples({"image": ROWS.astype(np.float64) * 1e40}, [IMAGE])
