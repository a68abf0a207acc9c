"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.runs.run_folder import find_run


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("old", [b"the old content", None])
def test_a_failed_write_leaves_what_was_there(
    step: str, old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(InputError, match="No space left") as caught:
        write_atomically(path, b"new")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == ({} if old is None else {"file": old})


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "file").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
    write_atomically(tmp_path / "file", "new: α")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new: α"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken"):
        write_atomically(tmp_path / "taken" / "file", "x")
    with pytest.raises(InputError, match="--out"):
        find_run(tmp_path / "taken", resume=False)


def test_which_folders_can_hold_a_run(tmp_path: Path) -> None:
    for resume in (False, True):
        assert not find_run(tmp_path / "missing", resume=resume)
        assert not find_run(tmp_path, resume=resume)
    (tmp_path / ".checkpoint.safetensors.partial").touch()  # left by a run that was killed as it wrote its first
    assert not find_run(tmp_path, resume=True)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="--resume"):
        find_run(tmp_path, resume=False)
    with pytest.raises(InputError, match=r"no checkpoint\.safetensors"):
        find_run(tmp_path, resume=True)
    (tmp_path / "checkpoint.safetensors").touch()
    assert find_run(tmp_path, resume=True)
