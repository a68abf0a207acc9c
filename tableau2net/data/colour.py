"""From any image file to red, green and blue in bytes: what the file means, or one reason why it cannot be seen."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Readers of the kinds that are listed, and of what goes by their names. Pillow has others, and one of them starts
# another program (Ghostscript): the content of a file would choose it, whatever the file is called.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "DIB", "TIFF", "WEBP", "GIF")
SIXTEEN = 65535
PAPER = 255  # white, which is seen through what is transparent
ORIENTATION = 0x0112  # of Exif 2.32, table 4, and TIFF 6.0
PHOTOMETRIC, BITS = 262, 258  # TIFF 6.0, section 8
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(path: Path) -> Image.Image:
    """The image in a file, upright, in RGB: the first of several. What is transparent lies on white.

    Values of 16 bits are scaled to 8; floats are read where they go from 0 to 1. Raises whatever is wrong with the
    file, and ValueError for an image whose values do not say how bright they are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that are damaged: the image is not
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as file:
            file.load()
            turn = _turn(file)
            seen = coloured(file)
            return seen if turn is None else seen.transpose(turn)


def _turn(file: Image.Image) -> Image.Transpose | None:
    """What brings an image upright. Exif that cannot be read says nothing."""
    try:
        return TURNS.get(file.getexif().get(ORIENTATION, 1))
    except Exception:  # whatever a reader makes of a stranger's bytes
        return None


def coloured(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(image)
    if image.mode == "LAB":
        raise ValueError("its colours are L*a*b*; save it in RGB")
    if image.has_transparency_data:
        seen = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        paper = Image.new("RGBA", seen.size, (PAPER, PAPER, PAPER, 255))
        return Image.alpha_composite(paper, seen).convert("RGB")
    return image.convert("RGB")


def _deep(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits, which Pillow's own conversion would cut off at 255. Raises ValueError."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"its values are floats from {low:.4g} to {high:.4g}, not 0 to 1; save it with 8 bits")
    else:
        values = values / _brightest(image)
    tags = getattr(image, "tag_v2", {})
    seen = 1 - values if tags.get(PHOTOMETRIC) == 0 else values  # 0 is white there
    bytes_: NDArray[np.uint8] = np.rint(seen * 255).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        bytes_[np.asarray(image) == clear] = PAPER
    return Image.fromarray(bytes_).convert("RGB")


def _brightest(image: Image.Image) -> int:
    """The largest value that whole numbers of an image can have. Raises ValueError where the file does not say."""
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(BITS, (16,))
        return (1 << bits[0]) - 1 if isinstance(bits, tuple) and 8 < bits[0] < 16 else SIXTEEN
    if getattr(image, "format", None) == "PPM":  # scaled by what its header says
        return SIXTEEN
    raise ValueError("its values are whole numbers of 32 bits, or with a sign; save it with 8 or 16 bits")
