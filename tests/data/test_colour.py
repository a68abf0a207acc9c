"""Every kind of image that a folder may hold is seen as its 8-bit version is, or refused in a line that names it."""

import io
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms import v2

from tableau2net.data.colour import decode
from tableau2net.data.decoding import Decoder
from tableau2net.data.image_folder import FolderData
from tableau2net.errors import InputError
from tableau2net.training import load_data

RAMP = np.arange(16 * 12).reshape(16, 12) / 191  # from black to white, in [0, 1]
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)
GREY8 = np.rint(np.repeat(RAMP[..., None], 3, axis=2) * 255).astype(np.uint8)
RGB8 = np.rint(COLOUR * 255).astype(np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(values: np.ndarray, kind: int, clear: bytes = b"") -> bytes:
    """A PNG of 16-bit samples (PNG specification, 11.2.2), which Pillow writes of grey alone; values (H, W, C)."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    middle = chunk(b"tRNS", clear) if clear else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey16() -> Image.Image:
    return Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16))


def big_endian() -> Image.Image:
    return Image.frombytes("I;16B", (12, 16), np.rint(RAMP * 65535).astype(">u2").tobytes())


def deep(values: np.ndarray, **tags: object) -> bytes:
    return saved(Image.fromarray(values), "TIFF", **tags)


def pgm(most: int) -> bytes:
    return b"P5 12 16 %d\n" % most + np.rint(RAMP * most).astype(">u2").tobytes()


SAMPLES = np.rint(COLOUR * 65535)
HALF = np.full((16, 12, 1), 0.5)
GREY = {
    "grey PNG, 16 bits": lambda: saved(grey16(), "PNG"),
    "grey TIFF, 16 bits": lambda: saved(grey16(), "TIFF"),
    "grey TIFF, 16 bits, big-endian": lambda: saved(big_endian(), "TIFF"),
    "grey TIFF, 16 bits, 0 is white": lambda: deep(np.rint((1 - RAMP) * 65535).astype(np.uint16), tiffinfo={262: 0}),
    "float TIFF": lambda: deep(RAMP.astype(np.float32)),
    "PGM, 16 bits": lambda: pgm(65535),
    "PGM, 12 bits": lambda: pgm(4095),
    "float PGM": lambda: saved(Image.fromarray(RAMP.astype(np.float32)), "PPM"),
    "grey and alpha, 16 bits": lambda: png16(np.dstack([RAMP * 65535, np.full_like(RAMP, 65535)]), 4),
    "grey": lambda: saved(Image.fromarray(GREY8[..., 0]), "PNG"),
    "grey and alpha": lambda: saved(Image.fromarray(GREY8[..., 0]).convert("LA"), "PNG"),
    "GIF of grey": lambda: saved(Image.fromarray(GREY8[..., 0]), "GIF"),
    "grey on a palette": lambda: saved(Image.fromarray(GREY8[..., 0]).convert("P"), "PNG"),
}  # fmt: skip
IN_COLOUR = {
    "RGB PNG": lambda: saved(Image.fromarray(RGB8), "PNG"),
    "RGB PNG, 16 bits": lambda: png16(SAMPLES, 2),
    "RGBA PNG, 16 bits": lambda: png16(np.dstack([SAMPLES, np.full_like(RAMP, 65535)]), 6),
    "RGBA": lambda: saved(Image.fromarray(RGB8).convert("RGBA"), "PNG"),
    "RGBA TIFF": lambda: saved(Image.fromarray(RGB8).convert("RGBA"), "TIFF"),
    "CMYK TIFF": lambda: saved(Image.fromarray(RGB8).convert("CMYK"), "TIFF"),
    "WebP without loss": lambda: saved(Image.fromarray(RGB8), "WEBP", lossless=True),
    "BMP": lambda: saved(Image.fromarray(RGB8), "BMP"),
    "first frame of a GIF": lambda: saved(
        quantised(), "GIF", save_all=True, append_images=[Image.new("RGB", (12, 16), "red")]
    ),
    "first page of a TIFF": lambda: saved(
        Image.fromarray(RGB8), "TIFF", save_all=True, append_images=[Image.new("RGB", (12, 16), "red")]
    ),
    "first frame of a WebP": lambda: saved(
        Image.fromarray(RGB8), "WEBP", lossless=True, save_all=True,
        append_images=[Image.new("RGB", (12, 16), "red")],
    ),
}  # fmt: skip


def quantised() -> Image.Image:
    """192 colours: they all have a place on a palette."""
    return Image.fromarray(RGB8).quantize(256)


def seen(content: bytes, folder: Path, name: str = "image.png") -> np.ndarray:
    (folder / name).write_bytes(content)
    image = decode(folder / name)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("kind", [*GREY, *IN_COLOUR])
def test_each_kind_is_seen_as_its_8_bit_version(kind: str, tmp_path: Path) -> None:
    makes: dict[str, Callable[[], bytes]] = GREY | IN_COLOUR
    wanted = GREY8 if kind in GREY else RGB8
    found = seen(makes[kind](), tmp_path)
    near = 6 if "GIF" in kind else 1  # a palette of 256 colours found by Pillow
    assert np.abs(found.astype(int) - wanted).max() <= near


def test_black_and_white(tmp_path: Path) -> None:
    found = seen(saved(Image.fromarray(RAMP > 0.5), "PNG"), tmp_path)
    assert np.array_equal(found, np.repeat((RAMP > 0.5)[..., None] * np.uint8(255), 3, 2))


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    """By the formula of compositing: alpha times the colour, and the rest white (Porter and Duff 1984)."""
    alpha = np.rint(RAMP.T.reshape(16, 12) * 255).astype(np.uint8)
    share = alpha[..., None] / 255
    found = seen(saved(Image.fromarray(np.dstack([RGB8, alpha])), "PNG"), tmp_path)
    assert np.abs(found - (share * RGB8 + (1 - share) * 255)).max() <= 1
    found = seen(saved(Image.fromarray(np.dstack([GREY8[..., 0], alpha])), "PNG"), tmp_path)
    assert np.abs(found - (share * GREY8 + (1 - share) * 255)).max() <= 1


def test_one_value_that_stands_for_nothing(tmp_path: Path) -> None:
    """PNG's tRNS: of grey, of 8 and 16 bits, of colours, and of a palette."""
    deep_ = np.rint(RAMP * 65535)
    clear = int(deep_[3, 4])
    assert (seen(png16(deep_[..., None], 0, struct.pack(">H", clear)), tmp_path)[3, 4] == 255).all()
    assert (seen(saved(Image.fromarray(GREY8[..., 0]), "PNG", transparency=17), tmp_path)[GREY8 == 17] == 255).all()
    colour = tuple(map(int, RGB8[5, 5]))
    found = seen(saved(Image.fromarray(RGB8), "PNG", transparency=colour), tmp_path)
    assert found[5, 5].tolist() == [255, 255, 255]
    assert np.array_equal(found[6:], RGB8[6:])
    palette = quantised()
    place = palette.getpixel((2, 2))
    found = seen(saved(palette, "PNG", transparency=place), tmp_path)
    assert found[2, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_images_are_upright(turn: int, kind: str, tmp_path: Path) -> None:
    """As Pillow's own function turns them, which looks at the finished image."""
    exif = Image.Exif()
    exif[0x0112] = turn
    content = saved(Image.fromarray(RGB8), kind, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
    found = seen(content, tmp_path)
    assert found.shape[:2] == ((16, 12) if turn < 5 else (12, 16))
    assert np.array_equal(found, upright)


def test_metadata_that_are_damaged_are_passed_over(tmp_path: Path) -> None:
    whole = saved(Image.fromarray(RGB8), "JPEG", quality=95)
    for body in (
        b"Exif\0\0",
        b"Exif\0\0MM\0*",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01",
    ):
        exif = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        assert np.array_equal(seen(whole[:2] + exif + whole[2:], tmp_path), seen(whole, tmp_path, "whole.jpg"))


REFUSED = {
    "floats beyond 1": (lambda: deep((RAMP * 255).astype(np.float32)), "floats from 0 to 255"),
    "floats below 0": (lambda: deep((RAMP - 1).astype(np.float32)), "floats from -1 to 0"),
    "not a number": (lambda: deep(np.full((9, 9), np.nan, np.float32)), "floats from nan to nan"),
    "32 bits": (lambda: deep(np.rint(RAMP * 65535).astype(np.int32)), "whole numbers of 32 bits"),
    "L*a*b*": (lambda: saved(Image.new("LAB", (9, 9)), "TIFF"), "L*a*b*"),
    "a program for a printer": (lambda: saved(Image.fromarray(RGB8), "EPS"), "cannot identify"),
    "an icon": (lambda: saved(Image.fromarray(RGB8), "ICO"), "cannot identify"),
    "PNG of no pixels": (lambda: png16(np.zeros((0, 0, 1)), 0), ""),
    "PNG whose sum is wrong": (lambda: saved(grey16(), "PNG").replace(b"IHDR", b"IHDR\1", 1), ""),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_seen_is_refused_in_a_line_before_training(kind: str, tmp_path: Path) -> None:
    make, says = REFUSED[kind]
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
        (tmp_path / part / "a" / "0.png").write_bytes(saved(Image.fromarray(RGB8), "PNG"))
    victim = tmp_path / "val" / "a" / "1.png"
    victim.write_bytes(make())
    with pytest.raises(InputError) as caught:
        load_data(tmp_path, size=16, workers=0)
    line = str(caught.value)
    assert line.startswith(f"{victim}: cannot be read as an image")
    assert says in line
    assert len(line) < 300
    assert "\n" not in line


@pytest.mark.parametrize("shape", [(1, 1), (1, 60_000), (60_000, 1), (9, 200), (201, 8), (7, 7)])
def test_strips_and_single_pixels(shape: tuple[int, int], tmp_path: Path) -> None:
    """The middle, as torchvision shows it of the whole image where that can be resized at all."""
    random = np.random.default_rng(3)
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
    whole = Image.fromarray(random.integers(256, size=(*shape, 3), dtype=np.uint8))
    for part in ("train", "val"):
        whole.save(tmp_path / part / "a" / "0.png")
    data = load_data(tmp_path, size=16, workers=0)
    assert isinstance(data, FolderData)
    x = Decoder("some", 1, data.fetch, data.test, 16)(0, [0])[0]
    assert x.shape == (1, 16, 16, 3)
    if max(shape) < 1000:
        theirs = np.array(v2.CenterCrop(16)(v2.Resize(round(16 / 0.875))(whole)), np.int64)
        assert np.abs(x[0].numpy() - theirs).max() <= 2
    x = Decoder("some", 1, data.fetch, data.train, 16, augment=True)(0, [0])[0]
    assert x.shape == (1, 16, 16, 3)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
        Image.fromarray(RGB8).save(tmp_path / part / "a" / "0.png")
    link = tmp_path / "train" / "a" / "1.png"
    for target in (tmp_path / "gone.png", link):
        link.symlink_to(target)
        with pytest.raises(InputError, match=r"1\.png: cannot be read") as caught:
            load_data(tmp_path, size=16, workers=0)
        assert "\n" not in str(caught.value)
        link.unlink()


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(sorted(GREY | IN_COLOUR)), place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans()
)
def test_a_damaged_file_is_an_image_or_a_line(kind: str, place: float, byte: int, cut: bool) -> None:
    content = bytearray((GREY | IN_COLOUR)[kind]())
    at = int(place * (len(content) - 1))
    content[at] = byte
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "val"):
            own = Path(folder) / part / "a"
            own.mkdir(parents=True)
            (own / "0.png").write_bytes(content[:at] if cut else content)
        said = None
        with warnings.catch_warnings(action="error"):
            try:
                load_data(folder, size=16, workers=0)
            except InputError as error:
                said = str(error)
        assert said is None or (said.startswith(f"{folder}/") and len(said) < 400 and "\n" not in said)
