"""What happens to pixels and sound samples before a model sees them: `(value * scale - mean) / std`, per channel.

A preset is a set of these numbers with the geometry that goes with it; every option given beside it wins over it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .element_types import quantized
from .errors import UsageError
from .fitting import InputSpec

Array = npt.NDArray[Any]
Colour = Literal["rgb", "bgr", "grey"]
Filter = Literal["bilinear", "bicubic", "nearest", "box", "lanczos", "none"]
Layout = Literal["nhwc", "nchw"]

COLOURS = ("rgb", "bgr", "grey")
FILTERS = ("bilinear", "bicubic", "nearest", "box", "lanczos", "none")
LAYOUTS = ("nhwc", "nchw")


@dataclass(frozen=True)
class Preprocessing:
    """How data becomes a model's input; None and () leave a step out.

    Images: decoded, turned upright, converted to `colour`, brought to the input's size, then normalised. Sounds:
    numbers in [-1, 1), cut into windows, then normalised. Arrays: only normalised, and only where the model has one
    input.
    """

    #: (value * scale - mean) / std: one number, or one for each channel in the order of `colour`.
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float | None = None
    #: Order of channels; None: grey for one channel, rgb for three.
    colour: Colour | None = None
    #: Pillow's filter; none refuses images that are not of the right size already.
    resize: Filter = "bilinear"
    #: The middle of the image that is used: the short side becomes size / crop, and the centre is cut out.
    crop: float | None = None
    #: Keep the whole image and its aspect ratio, and fill the rest with this pixel value, 0 to 255.
    letterbox: float | None = None
    #: Where the model's input has its channels; None: where a dimension of 1 or 3 stands.
    layout: Layout | None = None
    #: Sounds: samples a second that the model takes; None: whatever the files have, as long as it is one rate.
    sample_rate: int | None = None
    #: Sounds: samples between the starts of windows; None: a window's length.
    hop: int | None = None

    def __post_init__(self) -> None:
        if self.colour not in (None, *COLOURS) or self.resize not in FILTERS or self.layout not in (None, *LAYOUTS):
            raise UsageError(
                f"colour is one of {', '.join(COLOURS)}, resize one of {', '.join(FILTERS)}, layout one of "
                f"{', '.join(LAYOUTS)}; not {self.colour!r}, {self.resize!r}, {self.layout!r}"
            )
        numbers = [*self.mean, *self.std, 1.0 if self.scale is None else self.scale]
        if not np.isfinite(numbers).all() or 0.0 in self.std or self.scale == 0:
            raise UsageError("mean, std and scale must be finite numbers, std and scale not 0")
        if len({len(part) for part in (self.mean, self.std) if len(part) > 1}) > 1:
            raise UsageError(f"mean has {len(self.mean)} numbers and std {len(self.std)}: give one or one a channel")
        if self.crop is not None and not 0 < self.crop <= 1:
            raise UsageError(f"crop is the share of the short side to use, above 0 and at most 1, not {self.crop}")
        if self.letterbox is not None and not 0 <= self.letterbox <= 255:
            raise UsageError(f"letterbox is a pixel value from 0 to 255, not {self.letterbox}")
        if self.crop is not None and self.letterbox is not None:
            raise UsageError("crop and letterbox exclude each other: one cuts the image's edges off, one keeps them")
        if (self.sample_rate is not None and self.sample_rate < 1) or (self.hop is not None and self.hop < 1):
            raise UsageError("sample_rate and hop must be at least 1")

    @property
    def normalises(self) -> bool:
        """Whether numbers are changed, or said to be right as they are."""
        return bool(self.mean or self.std or self.scale is not None)

    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Factors a and summands b with normalised = a * value + b, as many as there are means or deviations."""
        channels = max(len(self.mean), len(self.std), 1)
        scale = 1.0 if self.scale is None else self.scale
        means, stds = _spread(self.mean, channels, 0.0), _spread(self.std, channels, 1.0)
        return tuple(scale / std for std in stds), tuple(-mean / std for mean, std in zip(means, stds, strict=True))

    def normalise(self, array: Array, spec: InputSpec) -> Array:
        """Numbers as the model takes them, from an array of the input's shape: computed in float64, rounded once."""
        factors, summands = (np.array(part) for part in self.affine())
        if len(factors) > 1:
            axis = channel_axis(spec, len(factors), self.layout)
            wide = [1] * len(spec.shape)
            wide[axis] = len(factors)
            factors, summands = factors.reshape(wide), summands.reshape(wide)
        real: Array = (array.astype(np.float64) * factors + summands).astype(np.float32)
        if spec.dtype.kind in "iu" and spec.scale is not None:
            return np.asarray(quantized(real, spec.scale, spec.zero_point, spec.dtype))
        return real


#: x / 255, less the mean of ImageNet's training images, by their deviation: torchvision and most of PyTorch.
_IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 1 / 255, "rgb", crop=0.875)
PRESETS: Mapping[str, Preprocessing] = {
    "imagenet": _IMAGENET,
    #: [-1, 1], as the networks of TensorFlow's model garden and Keras' mode "tf".
    "tf": Preprocessing((127.5,), (127.5,), colour="rgb", crop=0.875),
    #: Means of ImageNet in BGR, as Caffe's networks and Keras' mode "caffe".
    "caffe": Preprocessing((103.939, 116.779, 123.68), colour="bgr", crop=0.875),
    "raw01": Preprocessing(scale=1 / 255),
    "rawm11": Preprocessing((127.5,), (127.5,)),
}


def preprocessing(given: Any) -> Preprocessing:
    """From None, the name of a preset, a mapping of options (`preset` among them), or a Preprocessing.

    Raises UsageError for unknown names and values that make no sense.
    """
    if given is None:
        return Preprocessing()
    if isinstance(given, Preprocessing):
        return given
    options = {"preset": given} if isinstance(given, str) else dict(given)
    preset = options.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
    base = Preprocessing() if preset is None else PRESETS[preset]
    known = {field.name for field in dataclasses.fields(Preprocessing)}
    odd = sorted(set(options) - known)
    if odd:
        raise UsageError(f"preprocessing has no option {odd[0]!r}; it has preset, {', '.join(sorted(known))}")
    if options.get("letterbox") is not None and "crop" not in options:
        options["crop"] = None
    for name in ("mean", "std"):
        if name in options:
            options[name] = _numbers(options[name])
    return dataclasses.replace(base, **options)


def channel_axis(spec: InputSpec, channels: int, layout: str | None = None) -> int:
    """The axis of an input that has a number for each mean. Raises UsageError where there is none, or two."""
    shape = spec.shape
    if layout is not None and len(shape) >= 3:
        axis = len(shape) - (1 if layout == "nhwc" else 3)
        if shape[axis] == channels:
            return axis
    else:
        last, third = len(shape) - 1, len(shape) - 3
        found = [axis for axis in dict.fromkeys((last, third)) if axis >= 0 and shape[axis] == channels]
        if len(found) == 1 or (found and len(shape) < 3):
            return found[0]
        if found:
            raise UsageError(f"{spec} may have its channels first or last: say --layout nchw or --layout nhwc")
    raise UsageError(f"{channels} means or deviations are given, but {spec} has no axis of {channels} channels")


def _spread(numbers: Sequence[float], channels: int, default: float) -> tuple[float, ...]:
    return tuple(numbers) if len(numbers) > 1 else (numbers[0] if numbers else default,) * channels


def _numbers(given: Any) -> tuple[float, ...]:
    if given is None:
        return ()
    return tuple(float(number) for number in (given if isinstance(given, Sequence | np.ndarray) else [given]))
