"""A checkpoint of a stranger's, whole and with a right digest, but with anything in it: the run goes on, from it or
from the one before, or there is one line, and every file stays as it was."""

from __future__ import annotations

import copy
import json
import math
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tableau2net.data.data import Data
from tableau2net.errors import InputError
from tableau2net.training import Recipe, Stopped, load_data, train
from tableau2net.training.checkpoint import FORMAT, digest_of
from tableau2net.training.stop import Stop

LAST, BEFORE = "checkpoint.safetensors", "checkpoint.before.safetensors"
STRANGE = [None, True, -1, 0, 3, 1.5, -0.5, math.nan, math.inf, 10**400, "", "x", [], {}, [1], {"x": 1}, [[1.0]]]
Path_ = tuple[str | int, ...]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data("glyphs:50:20")


def small() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(256, 10))


KINDS: dict[str, dict[str, Any]] = {
    "a module": {"recipe": Recipe(epochs=3, batch_size=20, ema=0.5)},
    "adamw": {"recipe": Recipe(epochs=2, batch_size=20, optimiser="adamw", lr=1e-3)},
    "refined": {"recipe": Recipe(epochs=3, batch_size=25, refine=(0.3,))},
}


def run(kind: str, out: Path, data: Data) -> None:
    named: dict[str, Any] = (
        {"scheme": "lm", "depth": 14, "widths": (4, 4, 4)} if kind == "refined" else {"model": small()}
    )
    train(out=out, data=data, resume=True, quiet=True, **named, **KINDS[kind])


@pytest.fixture(scope="module", params=KINDS)
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data: Data) -> tuple[str, Path]:
    """A run that was stopped in the middle of its second epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        asked = iter([None] * (4 if request.param != "refined" else 3) + ["SIGTERM"] * 9)
        patch.setattr(Stop, "__call__", lambda _: next(asked))
        with pytest.raises(Stopped):
            run(request.param, folder, data)
    return request.param, folder


def opened(path: Path) -> tuple[Any, dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["progress"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def written(path: Path, progress: Any, tensors: dict[str, Tensor]) -> None:
    about = progress if isinstance(progress, str) else json.dumps(progress)
    save_file(tensors, path, {"format": FORMAT, "progress": about, "digest": digest_of(tensors, about)})


def leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where there is anything in JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in items:
        yield from leaves(own, (*path, key))


def changed(value: Any, path: Path_, new: Any) -> Any:
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = changed(value[path[0]], path[1:], new)
    return value


def tried(kind: str, folder: Path, data: Data, change: Callable[[Path], None]) -> str | None:
    """The line that a run from a changed copy of a folder ends in; None where it goes on to its end."""
    own = folder.parent / "changed"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own)
    change(own)
    kept = {each.name: each.read_bytes() for each in own.iterdir() if each.is_file()}
    try:
        run(kind, own, data)
    except InputError as error:
        assert {each.name: each.read_bytes() for each in own.iterdir() if each.is_file()} == kept
        line = str(error)
        assert "\n" not in line
        assert len(line) < 1000
        assert str(own) in line
        return line
    assert (own / "result.json").exists()
    return None


def put(progress: Any, tensors: dict[str, Tensor], both: bool = True) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        written(folder / LAST, progress, tensors)
        if both:
            (folder / BEFORE).unlink()

    return change


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), new=st.sampled_from(STRANGE))
def test_anything_in_what_a_checkpoint_says(
    stopped: tuple[str, Path], data: Data, draw: st.DataObject, new: Any
) -> None:
    progress, tensors = opened(stopped[1] / LAST)
    place = draw.draw(st.sampled_from(sorted(leaves(progress), key=repr)))
    tried(*stopped, data, put(changed(progress, place, new), tensors))


def test_a_time_that_no_float_holds(stopped: tuple[str, Path], data: Data) -> None:
    progress, tensors = opened(stopped[1] / LAST)
    said = tried(*stopped, data, put({**progress, "seconds": 10**400}, tensors))
    assert said is not None
    assert "seconds" in said


@pytest.mark.slow
def test_everything_in_what_a_checkpoint_says(stopped: tuple[str, Path], data: Data) -> None:
    """At each place some of what is strange, and everything that is strange at some place."""
    progress, tensors = opened(stopped[1] / LAST)
    for number, place in enumerate(leaves(progress)):
        for new in STRANGE[number % 4 :: 4]:
            tried(*stopped, data, put(changed(progress, place, new), tensors))


def test_each_field_that_a_run_goes_on_from(stopped: tuple[str, Path], data: Data) -> None:
    """What is plainly of another run, or of none, is refused; each field of the state in its turn."""
    progress, tensors = opened(stopped[1] / LAST)
    wrong: dict[Path_, list[Any]] = {
        ("seen",): [-20, 7, 50, 10**9, 0.5, "x", None],
        ("seconds",): [-1.0, math.nan, "x", None],
        ("rows",): [None, {}, progress["rows"] * 4, [1]],
        ("run",): [None, [], {}],
        ("before",): ["x", {"k": "x"}, [1]],
        ("refinement",): [1, {"epoch": 2}, [1]],
        ("rows", 0, "epoch"): [0, 2, "x", None],
        ("rows", 0, "train_loss"): [math.nan, "x", None, 10**400],
        ("rows", 0, "coefficients"): ["x", [1], {"blocks.0.k": "x"}],
        ("run", "recipe"): [None, 3],
        ("run", "seed"): [1, "0"],
    }
    for place, values in wrong.items():
        for new in values:
            line = tried(*stopped, data, put(changed(progress, place, new), tensors))
            assert line is not None, (place, new)
    row = {**progress["rows"][0], "refinement": {}}
    assert tried(*stopped, data, put({**progress, "rows": [row]}, tensors)) is not None


def test_each_tensor(stopped: tuple[str, Path], data: Data) -> None:
    progress, tensors = opened(stopped[1] / LAST)
    names = list(tensors)
    some = names if len(names) < 40 else names[:: len(names) // 5]
    some += [name for name in names if name.startswith(("sums", "random"))]
    for name in some:
        value = tensors[name]
        others = {
            "gone": None,
            "longer": torch.cat([value.flatten(), value.flatten()[:1]]),
            "empty": value.flatten()[:0],
            "of another kind": value.to(torch.float64 if value.dtype != torch.float64 else torch.float32),
            "with one more": value[None].clone(),
        }
        for what, other in others.items():
            if what == "longer" and name == "random.cpu":
                continue
            new = {key: own for key, own in tensors.items() if key != name} | ({} if other is None else {name: other})
            line = tried(*stopped, data, put(progress, new))
            assert line is not None, (name, what)
            assert "model." not in name or "does not fit this network" in line
    line = tried(*stopped, data, put(progress, tensors | {"model.more": torch.zeros(3)}))
    assert line is not None
    assert "model.more is float32 (3,)" in line
    noise = torch.full_like(tensors["random.cpu"], 255)
    assert tried(*stopped, data, put(progress, tensors | {"random.cpu": noise})) is not None


def header(length: int, text: bytes) -> bytes:
    return struct.pack("<Q", length) + text


@pytest.mark.parametrize(
    "content",
    [
        header(100 * 2**30, b"{}"),
        header(2**64 - 1, b""),
        header(2, b"{}"),
        header(99, b"{}"),
        header(60, b'{"x":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}'[:60]),
        header(75, b'{"x":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}'),
        header(200_000, b"[" * 200_000),
        b"",
        b"\0" * 8,
    ],
)
def test_headers_that_say_anything(content: bytes, stopped: tuple[str, Path], data: Data) -> None:
    """The documented way out: the checkpoint before it; where that is gone too, a line."""

    def change(folder: Path) -> None:
        (folder / LAST).write_bytes(content)

    def both(folder: Path) -> None:
        change(folder)
        (folder / BEFORE).write_bytes(content)

    assert tried(*stopped, data, change) is None
    line = tried(*stopped, data, both)
    assert line is not None
    assert "is damaged or cut short" in line


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, '{"run": {}}', "null", '"x"', "{", '{"rows": NaN}'])
def test_text_that_is_no_progress(text: str, stopped: tuple[str, Path], data: Data) -> None:
    _, tensors = opened(stopped[1] / LAST)
    line = tried(*stopped, data, put(text, tensors))
    assert line is not None
    assert "is damaged or cut short" in line


def test_a_folder_where_the_file_should_be(stopped: tuple[str, Path], data: Data) -> None:
    def change(folder: Path) -> None:
        for name in (LAST, BEFORE):
            (folder / name).unlink()
            (folder / name).mkdir()

    line = tried(*stopped, data, change)
    assert line is not None
    assert "cannot be read" in line or "damaged" in line
