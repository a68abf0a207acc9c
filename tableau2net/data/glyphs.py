"""The embedded data set: digits drawn on the spot in 32×32 colour, from the fonts that matplotlib ships.

An image is a background gradient, clutter (bars, blobs, pieces of other digits at the border), one whole
digit in a contrasting colour at a random place, size, slant and angle, and noise. Everything is composed
in numpy, a chunk of images at a time; image i depends on (seed, split, i // CHUNK) alone, so a smaller
set is the beginning of a larger one, and train and test come from separate random streams.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError

Floats = NDArray[np.floating]

SIZE = 32
CHUNK = 500
SPLITS = {"train": 0, "test": 1}

# Text fonts with upright or slanted lining digits; the symbol fonts beside them have none.
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold",
    "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic",
    "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta",
    "cmr10", "cmb10", "cmss10", "cmtt10", "cmti10",
)  # fmt: skip
CELL = 40  # side of one cell of the atlas, in pixels
DIGIT_HEIGHT = 26  # height of a digit in its cell; images show it smaller, so it is only ever reduced


def draw_glyphs(count: int, *, split: str, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` images, uint8 (count, 32, 32, 3), and their digits, int64 (count,), balanced to within one.

    The same arguments give the same images wherever the same versions of Pillow (with its FreeType) and
    matplotlib (its fonts) are installed. Raises InputError for a negative count or seed.
    """
    if count < 0 or seed < 0:
        raise InputError(f"glyphs: count and seed must not be negative (count {count}, seed {seed})")
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, CHUNK):
        random = np.random.default_rng([seed, SPLITS[split], start // CHUNK])
        drawn, digits = _draw_chunk(random)
        stop = min(start + CHUNK, count)
        images[start:stop], labels[start:stop] = drawn[: stop - start], digits[: stop - start]
    return images, labels


def _draw_chunk(random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """CHUNK images; each run of ten holds every digit once, in random order."""
    digits = random.permuted(np.tile(np.arange(10), (CHUNK // 10, 1)), axis=1).reshape(-1)
    canvas, tint = _background(random)
    for _ in range(3):
        canvas = _over(canvas, _near(random, tint), _bar(random))
    for _ in range(2):
        canvas = _over(canvas, _near(random, tint), _blob(random))
    for _ in range(2):
        canvas = _over(canvas, _ink(random, tint), _fragment(random))
    canvas = _over(canvas, _ink(random, tint), _digit(random, digits))
    noise = random.standard_normal(canvas.shape, np.float32)
    canvas += noise * _uniform(random, 2, 14)[:, None, None, None]
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), digits


# --- colour: values from 0 to 255, shape (CHUNK, 3) -------------------------------------------------------


def _background(random: np.random.Generator) -> tuple[Floats, Floats]:
    """A linear gradient between two similar colours, and its middle colour."""
    tint = random.uniform(30, 225, (CHUNK, 3)).astype(np.float32)
    change = random.uniform(-40, 40, (CHUNK, 3)).astype(np.float32)
    angle = _uniform(random, 0, 2 * np.pi)
    y, x = _grid()
    ramp = (np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y) / SIZE
    return tint[:, None, None, :] + ramp[..., None] * change[:, None, None, :], tint


def _near(random: np.random.Generator, tint: Floats) -> Floats:
    """A colour for clutter: the background's, moved by a random amount."""
    return _clip(tint + 45 * random.standard_normal((CHUNK, 3), np.float32), 0, 255)


def _ink(random: np.random.Generator, tint: Floats) -> Floats:
    """A colour for a digit: random hue, with a luminance at least 75 of 255 away from the background's."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    below = tint @ weights
    colour = random.uniform(0, 255, (CHUNK, 3)).astype(np.float32)
    gap = _uniform(random, 75, 120)
    up = (below < 128) | ((below < 150) & (random.random(CHUNK) < 0.5))
    target = np.where(up, below + gap, below - gap)
    shift = target - colour @ weights
    return _clip(colour + shift[:, None], 0, 255)


def _over(canvas: Floats, colour: Floats, alpha: Floats) -> Floats:
    """Paint `colour` (CHUNK, 3) over the canvas where alpha (CHUNK, 32, 32) says."""
    canvas += alpha[..., None] * (colour[:, None, None, :] - canvas)
    return canvas


# --- shapes: coverage from 0 to 1, shape (CHUNK, 32, 32) --------------------------------------------------


def _digit(random: np.random.Generator, digits: NDArray[np.int64]) -> Floats:
    """The digit itself, whole: 15 to 25 pixels high, turned by up to 20 degrees."""
    scale = _uniform(random, 15, 25) / DIGIT_HEIGHT
    room = (SIZE - scale * DIGIT_HEIGHT) / 2  # how far its centre may be from the image's
    y, x = (random.uniform(-1, 1, CHUNK).astype(np.float32) * room for _ in range(2))
    return _stamp(random, digits, scale, y, x, turn=20)


def _fragment(random: np.random.Generator) -> Floats:
    """Some other digit centred on the image's border, so that at most half of it is seen."""
    digits = random.integers(0, 10, CHUNK)
    scale = _uniform(random, 10, 22) / DIGIT_HEIGHT
    out = (SIZE / 2 + _uniform(random, 0, 6)) * random.choice(np.array([-1, 1], np.float32), CHUNK)
    along = _uniform(random, -SIZE / 2, SIZE / 2)
    upright = random.random(CHUNK) < 0.5
    return _stamp(random, digits, scale, np.where(upright, out, along), np.where(upright, along, out), turn=60)


def _stamp(
    random: np.random.Generator, digits: NDArray[np.int64], scale: Floats, y: Floats, x: Floats, turn: float
) -> Floats:
    """One glyph per image in a random font, its centre at (y, x) from the image's, by bilinear look-up."""
    cells = glyph_atlas()
    font = random.integers(0, len(cells), CHUNK)
    angle, slant = np.deg2rad(_uniform(random, -turn, turn)), _uniform(random, -0.2, 0.2)
    cos, sin = (np.cos(angle) / scale)[:, None, None], (np.sin(angle) / scale)[:, None, None]
    rows, columns = _grid()
    dy, dx = rows - y[:, None, None], columns - x[:, None, None]
    below = cos * dy - sin * dx
    beside = sin * dy + cos * dx + slant[:, None, None] * below
    # The outermost pixels of a cell are empty, so holding look-ups to its border makes the outside empty.
    v, u = (_clip(offset + (CELL - 1) / 2, 0, CELL - 1.001) for offset in (below, beside))
    top, left = v.astype(np.int32), u.astype(np.int32)
    down, right = (v - top).astype(np.float32), (u - left).astype(np.float32)
    flat = cells.reshape(-1)
    at = ((font * 10 + digits) * CELL * CELL).astype(np.int32)[:, None, None] + top * CELL + left
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + CELL] * (1 - right) + flat[at + CELL + 1] * right
    coverage: Floats = upper * (1 - down) + lower * down
    return coverage


def _bar(random: np.random.Generator) -> Floats:
    """A straight stroke of random length and width."""
    angle, length, width = _uniform(random, 0, np.pi), _uniform(random, 3, 14), _uniform(random, 0.4, 1.6)
    along, across = _turned(random, angle)
    over_length = _clip(length[:, None, None] + 0.5 - np.abs(along), 0, 1)
    over_width = _clip(width[:, None, None] + 0.5 - np.abs(across), 0, 1)
    return over_length * over_width


def _blob(random: np.random.Generator) -> Floats:
    """An ellipse with a soft edge, at most four fifths opaque."""
    angle, a, b = _uniform(random, 0, np.pi), _uniform(random, 2, 8), _uniform(random, 2, 8)
    along, across = _turned(random, angle)
    radius = np.sqrt((along / a[:, None, None]) ** 2 + (across / b[:, None, None]) ** 2)
    return _clip((1.2 - radius) * 3, 0, 1) * _uniform(random, 0.3, 0.8)[:, None, None]


def _turned(random: np.random.Generator, angle: Floats) -> tuple[Floats, Floats]:
    """Every pixel's coordinates along and across `angle`, from a random point of the image."""
    rows, columns = _grid()
    dy = rows - _uniform(random, -SIZE / 2, SIZE / 2)[:, None, None]
    dx = columns - _uniform(random, -SIZE / 2, SIZE / 2)[:, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    return cos * dx + sin * dy, cos * dy - sin * dx


def _uniform(random: np.random.Generator, low: float, high: float) -> Floats:
    return random.uniform(low, high, CHUNK).astype(np.float32)


def _clip(x: Floats, low: float, high: float) -> Floats:
    held: Floats = np.clip(x, low, high)
    return held


@cache
def _grid() -> tuple[Floats, Floats]:
    """Row and column of every pixel, counted from the image's centre, shapes (32, 1) and (1, 32)."""
    line = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    return line[:, None], line[None, :]


@cache
def glyph_atlas() -> Floats:
    """Every digit in every font, centred in its cell, (fonts, 10, CELL, CELL), coverage from 0 to 1."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    cells = np.zeros((len(FONTS), 10, CELL, CELL), np.float32)
    for f, name in enumerate(FONTS):
        path = folder / f"{name}.ttf"
        if not path.is_file():
            raise InputError(f"{path}: a font that draws the glyphs is missing; reinstall matplotlib")
        # Basic layout: the same image whether or not Pillow was built with a text shaping library.
        basic = ImageFont.Layout.BASIC
        probe = ImageFont.truetype(path, 100, layout_engine=basic).getbbox("8", anchor="ls")
        font = ImageFont.truetype(path, 100 * DIGIT_HEIGHT / (probe[3] - probe[1]), layout_engine=basic)
        for digit in range(10):
            left, top, right, bottom = font.getbbox(str(digit), anchor="ls")
            cell = Image.new("L", (CELL, CELL), 0)
            origin = ((CELL - left - right) / 2, (CELL - top - bottom) / 2)
            ImageDraw.Draw(cell).text(origin, str(digit), fill=255, font=font, anchor="ls")
            cells[f, digit] = np.asarray(cell, np.float32) / 255
    return cells
