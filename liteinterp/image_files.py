"""Image files as samples: decoded one by one with Pillow, turned upright, in the colours and size of an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import MissingExtraError, UsageError
from .fitting import InputSpec
from .preprocessing import Preprocessing

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")


@dataclass(frozen=True)
class Frame:
    """The image that an input holds: size, channels (0: no axis for them), and whether they come first."""

    height: int
    width: int
    channels: int
    first: bool

    @classmethod
    def of(cls, spec: InputSpec, layout: str | None) -> Frame:
        """From an input's shape. Raises UsageError where it holds no image, or either layout could be meant."""
        shape = spec.shape[1:] if len(spec.shape) == 4 and spec.shape[0] == 1 else spec.shape
        if len(shape) == 3 and shape[0] == 1 and shape[2] not in (1, 3):
            return cls(shape[1], shape[2], 0 if len(spec.shape) == 3 else 1, len(spec.shape) == 4)
        if len(shape) == 2 and shape[0] > 1:
            return cls(shape[0], shape[1], 0, False)
        if len(shape) != 3:
            raise UsageError(f"{spec} holds no image: images go to inputs of height, width and channels")
        last, first = shape[2] in (1, 3), shape[0] in (1, 3)
        if layout is not None:
            last, first = last and layout == "nhwc", first and layout == "nchw"
        if last and first:
            raise UsageError(f"{spec} may have its channels first or last: say --layout nchw or --layout nhwc")
        if not last and not first:
            raise UsageError(f"{spec} holds no image of 1 or 3 channels" + (f" in {layout}" if layout else ""))
        if first:
            return cls(shape[1], shape[2], shape[0], True)
        return cls(shape[0], shape[1], shape[2], False)


@dataclass(frozen=True)
class ImageRows:
    """Image files, one sample each, in the given order. Memory holds one at a time."""

    files: Sequence[Path]
    spec: InputSpec
    how: Preprocessing

    @property
    def count(self) -> int:
        return len(self.files)

    def rows(self) -> Iterator[Mapping[str, Array]]:
        return (self.row(i) for i in range(len(self.files)))

    def row(self, index: int) -> Mapping[str, Array]:
        """One sample by its number."""
        pixels = read_image(self.files[index], self.spec, self.how)
        return {self.spec.name: self.how.normalise(pixels, self.spec) if self.how.normalises else pixels}


def image_rows(files: Sequence[Path], spec: InputSpec, how: Preprocessing) -> ImageRows:
    """Samples from image files. Raises UsageError where the input cannot take them, or nobody said how pixels become
    numbers: a wrong guess is the most common reason for a bad int8 model."""
    Frame.of(spec, how.layout)
    if spec.dtype.kind == "f" and not how.normalises:
        raise UsageError(
            f"say which numbers {spec} takes for the pixels 0 to 255 of {files[0]}: --preset raw01 for 0 to 1, rawm11 "
            "or tf for -1 to 1, imagenet or caffe for ImageNet's means; or --mean, --std and --scale; --scale 1 for "
            "the pixels as they are"
        )
    return ImageRows(files, spec, how)


def read_image(path: Path, spec: InputSpec, how: Preprocessing) -> Array:
    """Pixels 0 to 255, uint8, in exactly the input's shape. Raises UsageError, naming the file."""
    frame = Frame.of(spec, how.layout)
    colour = how.colour or ("rgb" if frame.channels == 3 else "grey")
    if (colour == "grey") != (frame.channels != 3):
        raise UsageError(f"colour {colour} does not fit {spec}, which has {frame.channels or 1} channels")
    pillow = _pillow()
    try:
        with pillow.Image.open(path) as opened:
            upright = pillow.ImageOps.exif_transpose(opened)
            image = _flat(upright).convert("L" if colour == "grey" else "RGB")
            pixels = np.asarray(_sized(image, frame.width, frame.height, how, path))
    except (OSError, ValueError, SyntaxError, pillow.Image.DecompressionBombError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"cannot read the image {path}: {error}") from error
    if colour == "bgr":
        pixels = pixels[:, :, ::-1]
    if frame.first and pixels.ndim == 3:
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels).reshape(spec.shape)


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency: what shows through is black. 16-bit greys keep their upper 8 bits."""
    if image.mode.startswith("I;16"):
        from PIL import Image as images

        return images.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        from PIL import Image as images

        layer = image.convert("RGBA")
        ground = images.new("RGBA", layer.size, (0, 0, 0, 255))
        ground.alpha_composite(layer)
        return ground
    return image


def _sized(image: Image.Image, width: int, height: int, how: Preprocessing, path: Path) -> Image.Image:
    """The image in the input's size, by crop, letterbox or plain resizing."""
    pillow = _pillow()
    if how.letterbox is not None:
        factor = min(width / image.width, height / image.height)
        inner = _resized(image, max(1, round(image.width * factor)), max(1, round(image.height * factor)), how, path)
        fill = round(how.letterbox)
        ground: Image.Image = pillow.Image.new(image.mode, (width, height), fill if image.mode == "L" else (fill,) * 3)
        ground.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
        return ground
    if how.crop is not None:
        factor = max(width / image.width, height / image.height) / how.crop
        inner = _resized(
            image, max(width, round(image.width * factor)), max(height, round(image.height * factor)), how, path
        )
        left, top = (inner.width - width) // 2, (inner.height - height) // 2
        return inner.crop((left, top, left + width, top + height))
    return _resized(image, width, height, how, path)


def _resized(image: Image.Image, width: int, height: int, how: Preprocessing, path: Path) -> Image.Image:
    if image.size == (width, height):
        return image
    if how.resize == "none":
        raise UsageError(
            f"the image {path} is {image.width}x{image.height}, {width}x{height} is needed, and --resize none forbids "
            "resizing: give --resize bilinear, or images of that size"
        )
    resized: Image.Image = image.resize((width, height), getattr(_pillow().Image.Resampling, how.resize.upper()))
    return resized


def _pillow() -> Any:
    """Raises MissingExtraError where Pillow is not installed."""
    try:
        import PIL
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingExtraError("reading images", "Pillow", "convert") from error
    return PIL
