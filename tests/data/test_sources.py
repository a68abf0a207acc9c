"""Sources of images: what is wrong with one is said in a line that names the file, the key and the fix."""

import hashlib
import io
import pickle
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tableau2net.errors import InputError
from tableau2net.training import load_data


def arrays(train: int = 40, test: int = 10) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (train, 12, 16, 3), dtype=np.uint8),
        "y_train": np.arange(train) % 4,
        "x_test": random.integers(0, 256, (test, 12, 16, 3), dtype=np.uint8),
        "y_test": (np.arange(test) % 4).astype(np.uint8),
    }


def saved(folder: Path, content: dict[str, Any]) -> Path:
    np.savez(folder / "set.npz", **content)
    return folder / "set.npz"


def test_a_good_npz_is_split_in_order(tmp_path: Path) -> None:
    content = arrays()
    data = load_data(saved(tmp_path, content), validation=10, limit_train=25)
    assert data.counts() == {"train": 25, "validation": 10, "test": 10}
    assert data.classes == 4
    assert data.flip
    assert data.x_validation is not None
    assert data.y_validation is not None
    for found, wanted in (
        (data.x_train, content["x_train"][:25]),
        (data.x_validation, content["x_train"][30:]),
        (data.x_test, content["x_test"]),
    ):
        assert found.dtype == torch.uint8
        np.testing.assert_array_equal(found.permute(0, 2, 3, 1).numpy(), wanted)
    np.testing.assert_array_equal(data.y_train.numpy(), content["y_train"][:25])
    np.testing.assert_array_equal(data.y_validation.numpy(), content["y_train"][30:])
    assert data.y_test.dtype == torch.int64
    kept = content["x_train"][:25].astype(np.float64)
    np.testing.assert_allclose(data.mean, kept.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(data.std, kept.std((0, 1, 2)), rtol=1e-12)


def test_a_channel_without_variation_is_not_divided_by_zero(tmp_path: Path) -> None:
    content = arrays()
    content["x_train"][..., 1] = 7
    data = load_data(saved(tmp_path, content))
    assert data.mean[1] == 7
    assert data.std[1] == 1


def test_the_digest_tells_any_difference(tmp_path: Path) -> None:
    content = arrays()
    first = load_data(saved(tmp_path, content)).digest()
    assert load_data(saved(tmp_path, content)).digest() == first
    assert load_data(saved(tmp_path, content), validation=1).digest() != first
    content["y_test"][0] = 3
    assert load_data(saved(tmp_path, content)).digest() != first


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in arrays().items() if k != key}


BAD = {
    "missing key": (without("y_test"), "y_test"),
    "float images": ({"x_train": arrays()["x_train"] / 255}, "x_train is float64"),
    "rank": ({"x_test": arrays()["x_test"][..., 0]}, "x_test has shape (10, 12, 16)"),
    "channels first": ({"x_train": arrays()["x_train"].transpose(0, 3, 1, 2)}, "x_train has shape (40, 3, 12, 16)"),
    "no images": ({"x_train": arrays()["x_train"][:0], "y_train": arrays()["y_train"][:0]}, "x_train has shape (0"),
    "tiny images": ({"x_train": arrays()["x_train"][:, :4]}, "x_train has shape (40, 4, 16, 3)"),
    "other size": ({"x_test": arrays()["x_test"][:, :10]}, "x_test of 10×16"),
    "lengths": ({"y_train": arrays()["y_train"][:-1]}, "y_train has 39 labels"),
    "float labels": ({"y_test": arrays()["y_test"].astype(float)}, "y_test is float64"),
    "label matrix": ({"y_test": np.eye(10, dtype=int)}, "y_test has shape (10, 10)"),
    "negative label": ({"y_train": arrays()["y_train"] - 1}, "y_train has the label -1"),
    "wild label": ({"y_train": arrays()["y_train"] + 40}, "y_train has the label 43"),
    "huge label": ({"y_train": np.full(40, 2**63, np.uint64)}, "y_train has the label 9223372036854775808"),
    "unknown label": ({"y_test": arrays()["y_test"] + 1}, "y_test has the label 4"),
    "uint16 images": ({"x_train": arrays()["x_train"].astype(np.uint16)}, "x_train is uint16"),
    "true and false": ({"x_test": arrays()["x_test"] > 9}, "x_test is bool"),
    "true labels": ({"y_test": arrays()["y_test"] > 1}, "y_test is bool"),
    "words": ({"y_train": np.array(["cat", "dog"] * 20)}, "y_train is <U3"),
    "times": ({"y_train": np.zeros(40, "M8[s]")}, "y_train is datetime64[s]"),
    "a table": ({"y_train": np.zeros(40, [("a", int)])}, "y_train is [('a', '<i8')]"),
    "one image for all": ({"x_test": np.uint8(3)}, "x_test has shape ()"),
    "object images": ({"x_train": np.array([{}] * 40)}, "x_train is object"),
    "objects": ({"y_train": np.array([None] * 40)}, "y_train is object"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_npz_is_refused(case: str, tmp_path: Path) -> None:
    changes, words = BAD[case]
    path = saved(tmp_path, changes if case == "missing key" else arrays() | changes)
    refused(path, words)


def refused(path: Path, words: str, **options: Any) -> None:
    with pytest.raises(InputError) as caught:
        load_data(path, **options)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    good = saved(tmp_path, arrays()).read_bytes()
    path = tmp_path / "bad.npz"
    refused(path, "no such file")
    path.write_bytes(b"not a zip at all")
    refused(path, "not a .npz")
    for kept in (0, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:kept])
        refused(path, "cut short")
    damaged = bytearray(good)
    damaged[5000] ^= 255  # inside x_train: the archive's checksum tells
    path.write_bytes(damaged)
    refused(path, "x_train cannot be read")
    path.unlink()
    path.mkdir()
    refused(path, "no such file")


def test_a_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, without("y_test"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y_test", b"0123")
    refused(path, "y_test is not an array")


def test_labels_of_any_whole_numbers_and_order_of_memory(tmp_path: Path) -> None:
    plain = load_data(saved(tmp_path, arrays())).digest()
    for kind in (">i4", "<u2", ">u8", "i1"):
        changed = {"y_train": arrays()["y_train"].astype(kind), "x_train": np.asfortranarray(arrays()["x_train"])}
        assert load_data(saved(tmp_path, arrays() | changed)).digest() == plain
    np.savez_compressed(tmp_path / "small.npz", **arrays())
    assert load_data(tmp_path / "small.npz").digest() == plain


class Opens:
    """What a pickle does when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    for key in arrays():
        path = saved(tmp_path, arrays() | {key: np.array([Opens(tmp_path / "opened")] * 40)})
        refused(path, f"{key} is object")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", pickle.dumps(Opens(tmp_path / "opened")))
    refused(path, "x_train cannot be read")
    assert not (tmp_path / "opened").exists()


def most_memory(run: Callable[[], None]) -> int:
    """Bytes that Python and numpy hold at most while something runs."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def header(shape: str, kind: str = "|u1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header("(400000000, 16, 16, 3)"), "its header says 307,200,000,000 bytes"),
        (header("(-1, 16, 16, 3)"), "its header says"),
        (header("(10, 16, 16, 3)") + bytes(10), "its header says 7,680 bytes"),
        (header("(1, 16, 16, 3)") + bytes(10 * 768), "its header says 768 bytes"),
        (header("(1.5, 16, 16, 3)"), "cannot be read"),
        (header("(10, 16, 16, 3)", "|V99999999999999999999"), "cannot be read"),
        (header("__import__('os').abort()"), "cannot be read"),
        (header("(" * 5000), "cannot be read"),
        (b"\x93NUMPY\x09\x00", "version (9, 0)"),
        (b"\x93NUMPY\x01\x00\xff\xff", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_what_a_header_says_is_checked_before_memory_is_taken(content: bytes, words: str, tmp_path: Path) -> None:
    path = saved(tmp_path, without("x_train"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", content)
    assert most_memory(lambda: refused(path, words)) < 20 * 2**20


def test_more_than_there_is_memory_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros are packed a thousand to one: the size of a file tells nothing."""
    monkeypatch.setattr("tableau2net.data.npz.machine_memory", lambda: 50 * 2**20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **arrays() | {"x_train": np.zeros((70_000, 16, 16, 3), np.uint8)})
    assert path.stat().st_size < 2**20
    assert most_memory(lambda: refused(path, "this machine has 0.1 GB")) < 20 * 2**20


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans(), packed=st.booleans())
def test_a_damaged_archive_is_read_or_refused_in_a_line(place: float, byte: int, cut: bool, packed: bool) -> None:
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays(4, 4))
    content = bytearray(file.getvalue())
    # half of them in the headers of the first array and of the archive
    at = int(place * 2 * 300) if place < 0.25 else int(place * (len(content) - 1))
    content[at] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.npz"
        path.write_bytes(content[:at] if cut else content)
        said = None
        try:
            load_data(path)
        except InputError as error:
            said = str(error)
        assert said is None or (said.startswith(str(path)) and len(said) < 400 and "\n" not in said)


def test_impossible_splits_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, arrays())
    refused(path, "--validation 40", validation=40)
    refused(path, "--validation -1", validation=-1)
    refused(path, "--limit-train 31", validation=10, limit_train=31)
    refused(path, "--limit-train 0", limit_train=0)


@pytest.mark.parametrize(
    "source", ["cifar", "set.npy", "no/such/folder", "glyphs:", "glyphs:0", "glyphs:-5", "glyphs:1:2:3", "glyphs:x"]
)
def test_unknown_sources_are_refused(source: str) -> None:
    with pytest.raises(InputError, match="--data"):
        load_data(source)


FILES = {
    "cifar10": ["cifar-10-python.tar.gz"],
    "cifar100": ["cifar-100-python.tar.gz"],
    "stl10": ["stl10_binary.tar.gz"],
    "svhn": ["train_32x32.mat", "test_32x32.mat"],
}


@pytest.mark.parametrize("source", FILES)
def test_without_a_network_it_is_said_what_to_do(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Temporary failure\nin name resolution")

    for name in ("cifar.download_and_extract_archive", "stl10.download_and_extract_archive", "svhn.download_url"):
        monkeypatch.setattr(f"torchvision.datasets.{name}", unreachable)
    with pytest.raises(InputError) as caught:
        load_data(source, data_dir=tmp_path / "none")
    message = str(caught.value)
    assert message.startswith(source)
    for name in FILES[source]:
        assert str(tmp_path / "none" / name) in message
    assert "--data" in message
    assert "\n" not in message


def fingerprint(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_cifar_on_disk_is_read_through_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    random = np.random.default_rng(0)

    def stored(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, fingerprint(folder / name)]

    def batch(count: int) -> dict[str, object]:
        pixels = random.integers(0, 256, (count, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [i % 10 for i in range(count)]}

    train, test = batch(30), batch(10)
    monkeypatch.setattr(CIFAR10, "train_list", [stored("data_batch_1", train)])
    monkeypatch.setattr(CIFAR10, "test_list", [stored("test_batch", test)])
    name, md5 = stored("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    data = load_data("cifar10", data_dir=tmp_path, validation=5)
    assert data.counts() == {"train": 25, "validation": 5, "test": 10}
    assert data.classes == 10
    np.testing.assert_array_equal(data.x_train.reshape(25, -1).numpy(), train["data"][:25])  # type: ignore[index]
    np.testing.assert_array_equal(data.y_test.numpy(), test["labels"])


def test_stl10_on_disk_is_read_without_its_images_that_have_no_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its binary files: images of 96 × 96 by channel and column, labels from 1."""
    from torchvision.datasets import STL10

    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (14, 96, 96, 3), dtype=np.uint8)
    labels = np.arange(14, dtype=np.uint8) % 10
    for part, own in (("train", slice(0, 10)), ("test", slice(10, 14))):
        images[own].transpose(0, 3, 2, 1).tofile(folder / f"{part}_X.bin")
        (labels[own] + 1).tofile(folder / f"{part}_y.bin")
        sums = [[file, fingerprint(folder / file)] for file in (f"{part}_X.bin", f"{part}_y.bin")]
        monkeypatch.setattr(
            STL10, f"{part}_list", [*sums, ["unlabeled_X.bin", "0" * 32]][: 3 if part == "train" else 2]
        )
    data = load_data("stl10", data_dir=tmp_path, validation=3)
    assert (data.counts(), data.classes, data.flip) == ({"train": 7, "validation": 3, "test": 4}, 10, True)
    np.testing.assert_array_equal(data.x_train.permute(0, 2, 3, 1).numpy(), images[:7])
    np.testing.assert_array_equal(data.x_test.permute(0, 2, 3, 1).numpy(), images[10:])
    np.testing.assert_array_equal(data.y_test.numpy(), labels[10:])


def stored_svhn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Its .mat files: X (32, 32, 3, N), y (N, 1), 10 for the digit 0. Gives its images and digits, 20 to train on."""
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    images = np.random.default_rng(0).integers(0, 256, (25, 32, 32, 3), dtype=np.uint8)
    digits = np.arange(25) % 10
    for part, own in (("train", slice(0, 20)), ("test", slice(20, 25))):
        name = f"{part}_32x32.mat"
        y = np.where(digits[own] == 0, 10, digits[own]).astype(np.uint8)[:, None]
        savemat(folder / name, {"X": images[own].transpose(1, 2, 3, 0), "y": y})
        monkeypatch.setitem(SVHN.split_list, part, ["no address", name, fingerprint(folder / name)])
    return images, digits


def test_svhn_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, digits = stored_svhn(tmp_path, monkeypatch)
    data = load_data("svhn", data_dir=tmp_path, limit_train=18)
    assert (data.counts(), data.classes, data.flip) == ({"train": 18, "validation": 0, "test": 5}, 10, False)
    np.testing.assert_array_equal(data.x_train.permute(0, 2, 3, 1).numpy(), images[:18])
    np.testing.assert_array_equal(data.y_train.numpy(), digits[:18])
    np.testing.assert_array_equal(data.y_test.numpy(), digits[20:])
    assert data.x_train.is_contiguous(memory_format=torch.channels_last)


def test_svhn_without_scipy_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_svhn(tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(InputError, match=r"svhn: .*scipy.*tableau2net\[svhn\]"):
        load_data("svhn", data_dir=tmp_path)


def test_parts_come_in_batches_that_are_normalised(tmp_path: Path) -> None:
    data = load_data(saved(tmp_path, arrays(train=540, test=520)), validation=30)
    device = torch.device("cpu")
    assert data.has("test")
    assert data.has("validation")
    batches = list(data.batches("test", device))
    assert [len(y) for _, y in batches] == [500, 20]
    for x, _ in batches:
        assert x.dtype == torch.float32
        assert x.is_contiguous(memory_format=torch.channels_last)
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (data.mean, data.std))
    torch.testing.assert_close(x, (data.x_test - mean) / std, rtol=1e-5, atol=1e-5)
    assert torch.equal(y, data.y_test)
    assert [len(y) for _, y in data.batches("validation", device)] == [30]
    alone = load_data(saved(tmp_path, arrays()))
    assert not alone.has("validation")
    assert list(alone.batches("validation", device)) == []
