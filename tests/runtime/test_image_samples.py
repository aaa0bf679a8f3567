"""Images, sounds and lists of them as samples: order, geometry, colours, numbers, and what is refused."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liteinterp.errors import UsageError
from liteinterp.samples import InputSpec, Samples, open_samples

pillow = pytest.importorskip("PIL.Image", reason="needs Pillow")

F32 = np.dtype(np.float32)
RGB = InputSpec("image", (1, 4, 6, 3), F32)
PLANES = InputSpec("image", (1, 3, 4, 6), F32)
GREY = InputSpec("image", (1, 4, 6, 1), F32)
PIXELS = {"scale": 1}
SOUND = InputSpec("sound", (1, 8), F32)


def picture(seed: int, height: int = 4, width: int = 6) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def only(samples: Samples) -> np.ndarray[Any, Any]:
    (sample,) = samples
    return next(iter(sample.values()))[0]


def save(path: Path, pixels: np.ndarray[Any, Any], **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pillow.fromarray(pixels).save(path, **how)
    return path


def sound(path: Path, data: bytes, width: int = 2, channels: int = 1, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setsampwidth(width)
        file.setnchannels(channels)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def test_a_folder_of_images_is_read_in_order_of_paths_with_subfolders(tmp_path: Path) -> None:
    for seed, name in enumerate(("b/2.png", "a/10.PNG", "a/9.png", "b/1.bmp")):
        save(tmp_path / name, picture(seed))
    save(tmp_path / ".hidden.png", picture(9))
    (tmp_path / "labels.csv").write_text("not an image")
    samples = open_samples(str(tmp_path), [RGB], preprocess=PIXELS)
    assert samples.count == 4
    for sample, seed in zip(samples, (1, 2, 3, 0), strict=True):
        np.testing.assert_array_equal(sample["image"][0], picture(seed))


@pytest.mark.parametrize("given,a,b", [
    ("raw01", 1 / 255, 0), ("rawm11", 1 / 127.5, -1), ("tf", 1 / 127.5, -1),
    ("imagenet", 1 / 255 / np.array([0.229, 0.224, 0.225]), -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
    ({"mean": 10, "std": (2, 4, 8)}, 1 / np.array([2, 4, 8]), -10 / np.array([2, 4, 8])),
    ({"preset": "imagenet", "mean": 0, "std": 1}, 1 / 255, 0),
])  # fmt: skip
def test_pixels_become_the_numbers_of_a_preset(given: Any, a: Any, b: Any, tmp_path: Path) -> None:
    options = given if isinstance(given, dict) else {"preset": given}
    file = str(save(tmp_path / "a.png", picture(0)))
    expected = picture(0) * np.asarray(a) + np.asarray(b)
    wide = only(open_samples(file, [RGB], preprocess={**options, "crop": None}))
    np.testing.assert_allclose(wide, expected, atol=1e-6)
    planes = only(open_samples(file, [PLANES], preprocess={**options, "crop": None}))
    np.testing.assert_array_equal(planes, wide.transpose(2, 0, 1))
    arrays = only(open_samples(picture(0)[None], [RGB], preprocess=given))
    np.testing.assert_array_equal(arrays, wide)


def test_caffe_is_in_bgr_less_the_means(tmp_path: Path) -> None:
    found = only(open_samples(str(save(tmp_path / "a.png", picture(0))), [RGB],
                              preprocess={"preset": "caffe", "crop": None}))  # fmt: skip
    np.testing.assert_allclose(found, picture(0)[:, :, ::-1] - np.array([103.939, 116.779, 123.68]), atol=1e-4)


def test_images_are_turned_upright_as_their_exif_says(tmp_path: Path) -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6  # the camera was held with its right side up: turn by 90 degrees clockwise
    save(tmp_path / "a.png", np.rot90(picture(0)).copy(), exif=exif)
    np.testing.assert_array_equal(only(open_samples(str(tmp_path), [RGB], preprocess=PIXELS)), picture(0))


def test_crop_takes_the_middle_and_letterbox_keeps_all(tmp_path: Path) -> None:
    large = picture(0, 8, 8)
    save(tmp_path / "a.png", large)
    square = InputSpec("image", (1, 7, 7, 3), F32)
    cropped = only(open_samples(str(tmp_path), [square], preprocess={**PIXELS, "crop": 0.875, "resize": "none"}))
    np.testing.assert_array_equal(cropped, large[:7, :7])
    wide = InputSpec("image", (1, 8, 12, 3), F32)
    boxed = only(open_samples(str(tmp_path), [wide], preprocess={**PIXELS, "letterbox": 114}))
    np.testing.assert_array_equal(boxed[:, 2:10], large)
    assert (boxed[:, :2] == 114).all() and (boxed[:, 10:] == 114).all()


def test_grey_is_what_one_channel_asks_for(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.repeat(picture(0)[:, :, :1], 3, axis=2))
    np.testing.assert_array_equal(only(open_samples(str(tmp_path), [GREY], preprocess=PIXELS)), picture(0)[:, :, :1])
    with pytest.raises(UsageError, match="colour rgb does not fit.*1 channels"):
        open_samples(str(tmp_path), [GREY], preprocess={**PIXELS, "colour": "rgb"})


@pytest.mark.parametrize("given,spec,words", [
    (None, RGB, "say which numbers .* takes for the pixels 0 to 255 of .*a.png: --preset raw01"),
    ({"resize": "none", "scale": 1}, InputSpec("image", (1, 5, 5, 3), F32), "a.png is 6x4, 5x5 is needed"),
    (PIXELS, InputSpec("image", (1, 100), F32), "holds no image"),
    (PIXELS, InputSpec("image", (1, 3, 8, 3), F32), "--layout nchw"),
    ("imgnet", RGB, "no preset 'imgnet'.*imagenet"),
    ({"std": 0}, RGB, "std and scale not 0"),
    ({"crop": 0.5, "letterbox": 0}, RGB, "exclude each other"),
    ({"sharpen": 1}, RGB, "no option 'sharpen'"),
    ({"mean": (1, 2)}, RGB, "2 means or deviations are given"),
])  # fmt: skip
def test_preprocessing_that_makes_no_sense_is_refused(given: Any, spec: InputSpec, words: str, tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(0))
    with pytest.raises(UsageError, match=words):
        open_samples(str(tmp_path), [spec], preprocess=given)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(0))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with pytest.raises(UsageError, match=r"cannot read the image .*b\.png"):
        list(open_samples(str(tmp_path), [RGB], preprocess=PIXELS))


@pytest.mark.parametrize("width,full", [(1, 128), (2, 2**15), (3, 2**23), (4, 2**31)])
def test_sounds_of_any_width_are_cut_into_windows(width: int, full: int, tmp_path: Path) -> None:
    numbers = np.linspace(-1, 0.99, 20)
    integers = np.round(numbers * full).astype(np.int64) + (128 if width == 1 else 0)
    data = b"".join(int(n).to_bytes(width, "little", signed=width > 1) for n in integers)
    sound(tmp_path / "a.wav", data, width)
    expected = (integers - (128 if width == 1 else 0)) / full
    windows = np.concatenate([sample["sound"] for sample in open_samples(str(tmp_path), [SOUND])])
    np.testing.assert_allclose(windows, expected[:16].reshape(2, 8), atol=1e-7)
    overlapping = [sample["sound"][0] for sample in open_samples(str(tmp_path), [SOUND], preprocess={"hop": 3})]
    np.testing.assert_allclose(overlapping, [expected[i : i + 8] for i in (0, 3, 6, 9, 12)], atol=1e-7)
    frames = InputSpec("sound", (1, 3, 4, 1), F32)
    found = only(open_samples(str(tmp_path), [frames], preprocess={"hop": 6, "mean": 0.5}))[:, :, 0]
    np.testing.assert_allclose(found, [expected[i : i + 4] - 0.5 for i in (0, 6, 12)], atol=1e-6)


def test_channels_are_mixed_and_short_sounds_filled_up(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", np.array([[100, 300], [-200, 200]], "<i2").tobytes(), channels=2)
    found = only(open_samples(str(tmp_path), [SOUND]))
    np.testing.assert_allclose(found, [200 / 32768, 0, 0, 0, 0, 0, 0, 0])


def test_sounds_of_another_rate_are_refused_with_the_file(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", bytes(40))
    with pytest.raises(UsageError, match=r"a\.wav has 8000 samples a second, the model takes 16000: resample"):
        open_samples(str(tmp_path), [SOUND], preprocess={"sample_rate": 16000})
    sound(tmp_path / "b.wav", bytes(40), rate=44100)
    with pytest.raises(UsageError, match=r"b\.wav has 44100 .*a\.wav has 8000"):
        open_samples(str(tmp_path), [SOUND])
    (tmp_path / "b.wav").write_bytes(b"RIFF no sound")
    with pytest.raises(UsageError, match=r"cannot read the sound .*b\.wav"):
        open_samples(str(tmp_path), [SOUND])


def test_a_list_names_files_beside_it_and_labels_are_skipped(tmp_path: Path) -> None:
    save(tmp_path / "images/my cat.png", picture(0))
    save(tmp_path / "images/dog.png", picture(1))
    (tmp_path / "list.txt").write_text("# images\nimages/dog.png 7\n\nimages/my cat.png\n")
    samples = open_samples(str(tmp_path / "list.txt"), [RGB], preprocess=PIXELS)
    for sample, seed in zip(samples, (1, 0), strict=True):
        np.testing.assert_array_equal(sample["image"][0], picture(seed))


def test_a_list_has_a_column_for_each_input(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(0))
    np.save(tmp_path / "a.npy", np.arange(3, dtype=np.float32))
    other = InputSpec("b", (1, 3), F32)
    for line in ("a.png a.npy", "b=a.npy image:=a.png".replace("image:=", "image=")):
        (tmp_path / "list.txt").write_text(line + "\n")
        (sample,) = open_samples(str(tmp_path / "list.txt"), [RGB, other], preprocess=PIXELS)
        np.testing.assert_array_equal(sample["image"][0], picture(0))
        np.testing.assert_array_equal(sample["b"][0], [0, 1, 2])


@pytest.mark.parametrize("line,words", [
    ("gone.png", "list.txt, line 2: there is no file .*gone.png"),
    ("list.txt", "is no .npz, .npy, image or .wav"),
    ("a.png a.png", "2 columns for 1 inputs"),
    ("# nothing", "names no file"),
])  # fmt: skip
def test_a_list_that_is_wrong_is_refused_with_its_line(line: str, words: str, tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(0))
    (tmp_path / "list.txt").write_text("\n" + line + "\n")
    with pytest.raises(UsageError, match=words):
        open_samples(str(tmp_path / "list.txt"), [RGB], preprocess=PIXELS)


def test_a_folder_of_several_kinds_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(0))
    sound(tmp_path / "a.wav", bytes(40))
    with pytest.raises(UsageError, match="1 images, 1 sounds"):
        open_samples(str(tmp_path), [RGB], preprocess=PIXELS)


def test_memory_holds_one_image_at_a_time(tmp_path: Path) -> None:
    import tracemalloc

    peaks = []
    for count in (5, 50):
        folder = tmp_path / str(count)
        for i in range(count):
            save(folder / f"{i}.png", picture(i, 64, 64))
        tracemalloc.start()
        for _ in open_samples(str(folder), [InputSpec("image", (1, 64, 64, 3), F32)], preprocess="raw01"):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 64 * 64 * 3 * 4
