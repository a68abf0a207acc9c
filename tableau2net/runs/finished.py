"""A finished run, as its folder has it: the result, and what the network said of each test image, or how near to each
it came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from tableau2net.errors import InputError
from tableau2net.recipes.adversary import MOST_ATTACKS
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.result import RESULT, Result

PREDICTIONS = "predictions.safetensors"
MOST_IMAGES = 2**17  # of a test; exact binomials of these take three seconds
MOST_BYTES = (2 + MOST_ATTACKS) * 8 * MOST_IMAGES + 2**16


@dataclass(frozen=True)
class Finished:
    """A run that is over.

    Of a grid it has a label, its network's there; the figure published for it, an error in per cent say; and the depth
    of its column, which where networks are matched is not its own.
    """

    result: Result
    folder: Path
    label: str | None = None
    published: float | None = None
    column: int | None = None

    def count(self, part: str) -> int | None:
        """How many images there were to "train", "validation" or "test"; None where that is not said."""
        found = self.result.data.get(part)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def tested(self, attack: str | None = None) -> float:
        """What the test came to by the main measure of the task, the error in per cent say; that under an attack, where
        it has been measured."""
        found = self.result.figure("test") if attack is None else self.result.robust[attack]
        assert found is not None  # a result that is read has it
        return found

    def exactly_tested(self, attack: str | None = None) -> Fraction:
        """The same exactly. An error is a whole number of wrong predictions, which a float need not be."""
        error, count = self.tested(attack), self.count("test")
        if self.result.task is CLASSIFY and count is not None and 0 < count <= 10**9:
            wrong = Fraction(100 * round(error * count / 100), count)
            if math.isclose(wrong, error, rel_tol=1e-5, abs_tol=1e-5):
                return wrong
        return Fraction(error)

    def predictions(self, attack: str | None = None) -> Predictions | None:
        """What the network said of the test images, under an attack where one is named; None where the folder does not
        hold that, with their labels.

        Raises InputError, one line, for a damaged file.
        """
        path, tensors = self.folder / PREDICTIONS, self._tensors()
        key = "test" if attack is None else attacked_name(attack)
        if key not in tensors or "truth" not in tensors:
            return None
        said, truth = tensors[key], tensors["truth"]
        whole = all(np.issubdtype(labels.dtype, np.integer) for labels in (said, truth))
        if not whole or said.ndim != 1 or said.shape != truth.shape or not 1 <= len(said) <= MOST_IMAGES:
            raise InputError(f"{path}: {key!r} and 'truth' are not labels of the same images; train again")
        found = Predictions(said, truth)
        wrong = 100 * (1 - float(found.right.mean()))
        if abs(wrong - self.tested(attack)) > max(0.1, 200 / len(said)):  # but for an image on the edge
            raise InputError(
                f"{path}: {wrong:.2f} % of it are wrong, {self.tested(attack):.2f} % by {RESULT}; train again"
            )
        return found

    def each(self) -> NDArray[np.float64] | None:
        """Of a task without labels: the main measure of each test image, (N,), in order; None where the folder does not
        hold that.

        Raises InputError, one line, for a damaged file."""
        path, measure = self.folder / PREDICTIONS, self.result.task.main
        found = self._tensors().get(measure.name)
        if found is None:
            return None
        if found.dtype != np.float64 or found.ndim != 1 or not np.isfinite(found).all() or not len(found):
            raise InputError(f"{path}: {measure.name!r} is not a number of each test image; train again")
        if not math.isclose(mean := float(found.mean()), self.tested(), rel_tol=1e-3):
            told = f"{measure.shown(mean)} in the mean, {measure.shown(self.tested())} by {RESULT}"
            raise InputError(f"{path}: {measure.title} is {told}; train again")
        return found

    def _tensors(self) -> dict[str, NDArray[Any]]:
        """What the folder holds of each test image; nothing where there is no such file. Raises InputError."""
        path = self.folder / PREDICTIONS
        if not path.is_file():
            return {}
        try:
            if path.stat().st_size > MOST_BYTES:
                raise InputError(f"{path}: is larger than {MOST_IMAGES:,} test images need; remove it")
            return load(path.read_bytes())
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path}: cannot be read ({error}); remove it, or train again") from error


@dataclass(frozen=True)
class Predictions:
    """Labels (N,) that a network gave to the test images, and those that are right."""

    said: NDArray[Any]
    truth: NDArray[Any]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images (N,) got the right label."""
        return np.asarray(self.said == self.truth)


def attacked_name(attack: str) -> str:
    """What the predictions under an attack are called in the file."""
    return f"test under {attack}"


def read_finished(folders: Iterable[Path]) -> list[Finished]:
    """Every run with a result.json in and below the folders (or given as that file); each once.

    Raises InputError, one line, for a folder that has none or a file that is no result.
    """
    found: dict[Path, Finished] = {}
    for folder in folders:
        paths = [folder] if folder.is_file() else sorted(folder.rglob(RESULT))
        if not paths:
            raise InputError(f"{folder}: no {RESULT} in or below it; tableau2net train writes one")
        for path in paths:
            found.setdefault(path.resolve(), Finished(read_result(path), path.parent))
    return list(found.values())


def read_result(path: Path) -> Result:
    """A result whose errors are percentages, and whose other figures are finite. Raises InputError, one line, for
    anything else."""
    result = Result.read(path)
    for name, figure in result.figures.items():
        if figure is not None and not abs(figure) < 1e300:
            raise InputError(f"{path}: {name!r} is {figure}; train again")
    errors = {"test_error": result.test_error, "validation_error": result.validation_error, **result.robust}
    for name, error in errors.items():
        if error is not None and not 0 <= error <= 100:
            raise InputError(f"{path}: {name!r} is {error}, no percentage; train again")
    try:
        assert result.asked
    except InputError as error:
        raise InputError(f"{path}: {error}; train again") from None
    return result
