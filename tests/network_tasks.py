"""More of the zoo's float networks as tasks: samples that calibrate, others that test, and what int8 may lose.

Arrays are in the source model's own input layout and preprocessing, axis 0 is samples. Scores and agreements are in per
cent. `Outputs` holds one array per output of the model, samples on axis 0.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from detections import Boxes, average_precision, best_boxes, matched_share

Array = npt.NDArray[Any]
Outputs = Sequence[Array]

#: Classes of Pascal VOC after the background, by their names in COCO.
VOC = ("airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table", "dog") + (
    "horse", "motorcycle", "person", "potted plant", "sheep", "couch", "train", "tv",
)  # fmt: skip
PERSON = 1 + VOC.index("person")
IGNORED = 255


@dataclass(frozen=True)
class NetworkSplit:
    """Calibration samples, test samples, and what the test samples show, or None where nobody has labelled it."""

    calibration: Array
    test: Array
    targets: Any = None


@dataclass(frozen=True)
class NetworkTask:
    """A float network, how well its outputs fit the targets, and how far two engines' outputs agree."""

    name: str
    file: str
    load: Callable[[Path], NetworkSplit]
    #: Per cent of agreement of an engine's outputs (second) with the reference's (first); None: not judged in int8.
    agree: Callable[[Outputs, Outputs], float] | None = None
    min_agreement: float = 0.0
    #: Per cent that the outputs score on the targets; None where there are none.
    score: Callable[[Outputs, Any], float] | None = None
    max_drop_points: float = 0.0
    #: The effort at which int8 has to keep these limits.
    effort: int = 0


# ---- ImageNet ----


def _imagenet(zoo: Path) -> NetworkSplit:
    from PIL import Image

    parts: dict[str, list[Array]] = {"calib": [], "test": []}
    labels: list[int] = []
    with open(zoo / "data/imagenet256/labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(zoo / "data/imagenet256" / row["file"]) as image:
                crop = np.asarray(image.convert("RGB"))[16:240, 16:240].astype(np.float32)
            parts[row["split"]].append(((crop - 127) / np.float32(128)).transpose(2, 0, 1))
            if row["split"] == "test":
                labels.append(int(row["index"]))
    return NetworkSplit(np.stack(parts["calib"]), np.stack(parts["test"]), np.array(labels))


def top_1(outputs: Outputs, labels: Array) -> float:
    return float(100 * np.mean(outputs[0].argmax(1) == labels))


def same_class(reference: Outputs, test: Outputs) -> float:
    """Share of samples, or of pixels, with the same largest channel."""
    axis = 1 if reference[0].ndim == 2 else -1
    return float(100 * np.mean(reference[0].argmax(axis) == test[0].argmax(axis)))


# ---- COCO ----


@cache
def _coco(zoo: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((zoo / "data/coco50/instances.json").read_text())
    return found


def _files(zoo: Path) -> list[str]:
    return sorted(image["file_name"] for image in _coco(zoo)["images"])


@cache
def _pixels(zoo: Path, width: int, height: int) -> Array:
    from PIL import Image

    rows = []
    for name in _files(zoo):
        with Image.open(zoo / "data/coco50/images" / name) as image:
            rows.append(np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)))
    return np.stack(rows).astype(np.float32)


def _halves(rows: Array, targets: Sequence[Any] | None = None) -> NetworkSplit:
    """Every other image calibrates."""
    return NetworkSplit(rows[::2], rows[1::2], None if targets is None else targets[1::2])


def _annotations(zoo: Path) -> list[list[dict[str, Any]]]:
    """The annotations of each image, in the order of the images' names."""
    coco = _coco(zoo)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    by_image: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in coco["images"]}
    for entry in coco["annotations"]:
        by_image[entry["image_id"]].append({**entry, "name": names[entry["category_id"]]})
    images = sorted(coco["images"], key=lambda image: str(image["file_name"]))
    return [[{**entry, "image": image} for entry in by_image[image["id"]]] for image in images]


def _mask(entries: list[dict[str, Any]], classes: Sequence[str], size: int) -> Array:
    """Class of each pixel: 0, or 1 and the index in `classes`; crowds, which have no outline, are ignored."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(mask)
    for entry in sorted(entries, key=lambda entry: -float(entry["area"])):
        scale = np.array([size / entry["image"]["width"], size / entry["image"]["height"]])
        if entry["name"] not in classes:
            continue
        if entry["iscrowd"]:
            x, y, w, h = entry["bbox"]
            corners = np.array([[x, y], [x + w, y + h]]) * scale
            draw.rectangle([tuple(corner) for corner in corners.tolist()], fill=IGNORED)
            continue
        for outline in entry["segmentation"]:
            points = np.array(outline).reshape(-1, 2) * scale
            draw.polygon([tuple(point) for point in points.tolist()], fill=1 + classes.index(entry["name"]))
    return np.asarray(mask)


def _deeplab(zoo: Path) -> NetworkSplit:
    masks = [_mask(entries, VOC, 257) for entries in _annotations(zoo)]
    return _halves(_pixels(zoo, 257, 257) / np.float32(127.5) - np.float32(1), masks)


def _portrait(zoo: Path) -> NetworkSplit:
    """Tested on every other image on which persons take a tenth of the area; all the rest calibrate."""
    masks = [_mask(entries, ("person",), 256) for entries in _annotations(zoo)]
    test = [i for i, mask in enumerate(masks) if np.mean(mask == 1) > 0.1][1::2]
    rows = _pixels(zoo, 256, 256) / np.float32(255)
    return NetworkSplit(np.delete(rows, test, 0), rows[test], [masks[i] for i in test])


def mean_intersection_over_union(outputs: Outputs, masks: Sequence[Array]) -> float:
    """Over the classes that the masks or the outputs have, of all pixels together."""
    found, wanted = outputs[0].argmax(-1), np.stack(masks)
    known = wanted != IGNORED
    shares = []
    for label in np.unique(wanted[known]):
        both = np.sum((found == label) & (wanted == label))
        either = np.sum(((found == label) | (wanted == label)) & known)
        shares.append(both / either)
    return float(100 * np.mean(shares))


# ---- boxes ----


def _ultraface_onnx(zoo: Path) -> NetworkSplit:
    return _halves(((_pixels(zoo, 320, 240) - 127) / np.float32(128)).transpose(0, 3, 1, 2))


@cache
def _ultraface_anchors() -> Array:
    """Centre and size of the 4420 anchors: squares of two or three sizes in each cell of four grids on 320x240."""
    anchors = []
    for stride, sides in ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256))):
        rows, columns = -(-240 // stride), -(-320 // stride)
        y, x, side = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, np.array(sides), indexing="ij")
        anchors.append(np.stack([x * stride / 320, y * stride / 240, side / 320, side / 240], -1).reshape(-1, 4))
    return np.concatenate(anchors)


def _ultraface_tflite(zoo: Path) -> NetworkSplit:
    return _halves((_pixels(zoo, 320, 240) - 127) / np.float32(128))


def _ultraface_boxes(outputs: Outputs, i: int) -> Boxes:
    scores, shifts, anchors = outputs[0][i], outputs[1][i].astype(np.float64), _ultraface_anchors()
    middle = anchors[:, :2] + shifts[:, :2] * 0.1 * anchors[:, 2:]
    size = anchors[:, 2:] * np.exp(shifts[:, 2:] * 0.2)
    boxes = np.concatenate([middle - size / 2, middle + size / 2], 1)
    return best_boxes(boxes, scores[:, 1], np.zeros(len(boxes), int), 0.6)


def _faces(zoo: Path, size: int) -> list[list[Array]]:
    """For each image, squares around faces with nose and eyes annotated, eight times as wide as the eyes are apart."""
    from PIL import Image

    keypoints = json.loads((zoo / "data/coco50/person_keypoints.json").read_text())
    ids = {image["file_name"]: image["id"] for image in keypoints["images"]}
    crops: list[list[Array]] = []
    for name in _files(zoo):
        crops.append([])
        with Image.open(zoo / "data/coco50/images" / name) as image:
            for entry in keypoints["annotations"]:
                points = np.array(entry["keypoints"], float).reshape(-1, 3)
                half = 4 * np.hypot(*(points[1, :2] - points[2, :2]))
                if entry["image_id"] != ids.get(name) or not points[:3, 2].all() or half < 16:
                    continue
                corners = np.concatenate([points[0, :2] - half, points[0, :2] + half]).astype(int)
                face = image.convert("RGB").crop(tuple(corners.tolist()))
                crops[-1].append(np.asarray(face.resize((size, size), Image.Resampling.BILINEAR), np.float32))
    return crops


def _blazeface(zoo: Path) -> NetworkSplit:
    """Images and the faces in them."""
    rows = [np.stack([pixels, *faces]) for pixels, faces in zip(_pixels(zoo, 128, 128), _faces(zoo, 128), strict=True)]
    halves = [np.concatenate(rows[i::2]) / np.float32(127.5) - np.float32(1) for i in range(2)]
    return NetworkSplit(halves[0], halves[1])


def _blazeface_boxes(outputs: Outputs, i: int) -> Boxes:
    """Two anchors in each cell of a 16x16 grid, six in each of an 8x8 one; boxes are relative to the cell's centre."""
    grids = [(16, 2), (8, 6)]
    centres = np.concatenate(
        [
            np.repeat(np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) + 0.5, count, 0) / n
            for n, count in grids
        ]
    )
    regressors = outputs[0][i].astype(np.float64) / 128
    middle, size = centres + regressors[:, :2], regressors[:, 2:4]
    scores = 1 / (1 + np.exp(-np.clip(outputs[1][i][:, 0].astype(np.float64), -100, 100)))
    return best_boxes(np.concatenate([middle - size / 2, middle + size / 2], 1), scores, np.zeros(896, int), 0.5)


def _fastestdet(zoo: Path) -> NetworkSplit:
    rows = _pixels(zoo, 352, 352)[..., ::-1] / np.float32(255)
    names = [category["name"] for category in _coco(zoo)["categories"]]
    targets = []
    for entries in _annotations(zoo):
        kept = [entry for entry in entries if not entry["iscrowd"]]
        boxes = np.array([entry["bbox"] for entry in kept], float).reshape(-1, 4)
        if kept:
            boxes /= np.tile([kept[0]["image"]["width"], kept[0]["image"]["height"]], 2)
        boxes[:, 2:] += boxes[:, :2]
        targets.append(Boxes(boxes, np.ones(len(kept)), np.array([names.index(entry["name"]) for entry in kept], int)))
    return _halves(np.ascontiguousarray(rows.transpose(0, 3, 1, 2)), targets)


def _fastestdet_boxes(outputs: Outputs, i: int, threshold: float = 0.1) -> Boxes:
    """Each cell of the grid: presence, shift of the centre, size, then 80 classes."""
    cells = outputs[0][i].astype(np.float64)
    _, height, width = cells.shape
    y, x = np.mgrid[:height, :width]
    middle = np.stack([(x + np.tanh(cells[1])) / width, (y + np.tanh(cells[2])) / height], -1).reshape(-1, 2)
    size = (1 / (1 + np.exp(-cells[3:5]))).reshape(2, -1).T
    scores = np.clip(cells[0], 0, 1) ** 0.6 * np.clip(cells[5:].max(0), 0, 1) ** 0.4
    boxes = np.concatenate([middle - size / 2, middle + size / 2], 1)
    return best_boxes(boxes, scores.ravel(), cells[5:].argmax(0).ravel(), threshold)


def _fastestdet_score(outputs: Outputs, targets: Sequence[Boxes]) -> float:
    return average_precision([_fastestdet_boxes(outputs, i) for i in range(len(targets))], targets)


def _same_boxes(boxes_of: Callable[[Outputs, int], Boxes]) -> Callable[[Outputs, Outputs], float]:
    def agree(reference: Outputs, test: Outputs) -> float:
        count = range(len(reference[0]))
        return matched_share([boxes_of(reference, i) for i in count], [boxes_of(test, i) for i in count])

    return agree


# ---- audio ----


def _basic_pitch(zoo: Path) -> NetworkSplit:
    """Two seconds of singing each, at 22050 Hz."""
    import wave

    with wave.open(str(zoo / "data/audio/vocadito_10.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)
    halved = (samples[0::2][: len(samples) // 2] + samples[1::2]) / np.float32(2)
    starts = np.linspace(0, len(halved) - 43844, 16).astype(int)
    rows = np.stack([halved[start : start + 43844, None] for start in starts])
    return NetworkSplit(rows[:8], rows[8:])


# ---- text ----


def _movie_review(zoo: Path) -> NetworkSplit:
    """Sentences about films, a number for each word, from the start mark on."""
    lines = (zoo / "data/text/movie_review_vocab.txt").read_text(encoding="utf-8").split("\n")
    words = dict(line.split(" ") for line in lines if line.count(" ") == 1)
    rows, labels = [], []
    for line in (zoo / "data/text/stsa.binary.dev").read_text(encoding="utf-8", errors="replace").splitlines()[:400]:
        numbers = [
            int(words["<START>"]),
            *(int(words.get(word, words["<UNKNOWN>"])) for word in line[2:].lower().split()),
        ]
        rows.append(np.array(numbers[:256] + [int(words["<PAD>"])] * (256 - len(numbers)), np.int32))
        labels.append(int(line[0]))
    return NetworkSplit(np.stack(rows[:100]), np.stack(rows[100:]), np.array(labels[100:]))


NETWORK_TASKS = (
    NetworkTask("movie_review", "movie_review.tflite", _movie_review, same_class, 95, top_1, 1.0),
    NetworkTask("efficientnet", "efficientnet_lite0.onnx", _imagenet, same_class, 95, top_1, 1.0),
    NetworkTask("deeplab", "deeplabv3_257.tflite", _deeplab, same_class, 95, mean_intersection_over_union, 3.0),
    # Channels of very different sizes share its ranges: it needs equalization.
    NetworkTask(
        "portrait", "portrait_mnv3_seg.tflite", _portrait, same_class, 95, mean_intersection_over_union, 1.5, effort=1
    ),
    NetworkTask("ultraface", "ultraface_rfb320.onnx", _ultraface_onnx, _same_boxes(_ultraface_boxes), 90),
    NetworkTask(
        "ultraface_tflite", "ultraface_rfb320.tflite", _ultraface_tflite,
        _same_boxes(lambda o, i: _ultraface_boxes([o[1], o[0]], i)), 90,
    ),
    NetworkTask(
        "fastestdet", "fastestdet.onnx", _fastestdet, _same_boxes(lambda o, i: _fastestdet_boxes(o, i, 0.4)), 80,
        _fastestdet_score, 3.0,
    ),
    # Its front end, the logarithm of a spectrum, has no useful int8 form under one scale.
    NetworkTask("basic_pitch", "basic_pitch_nmp.tflite", _basic_pitch),
    NetworkTask("basic_pitch_onnx", "basic_pitch_nmp.onnx", _basic_pitch),
    # Logits from -435 to 4 leave steps of 1.7 around the threshold: docs/QUANTIZATION.md.
    NetworkTask("blazeface", "blazeface_short.tflite", _blazeface, _same_boxes(_blazeface_boxes), 45),
)  # fmt: skip
