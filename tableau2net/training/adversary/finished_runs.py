"""A finished run, measured under attack afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from tableau2net.data.load import load_data
from tableau2net.errors import InputError
from tableau2net.files import check_file, write_atomically
from tableau2net.recipes.adversary import attacks_of
from tableau2net.runs.finished import MOST_BYTES, Finished, attacked_name, read_result
from tableau2net.runs.result import RESULT
from tableau2net.runs.run_folder import PREDICTIONS
from tableau2net.runs.stored import detached, load_network
from tableau2net.training.adversary.attacked import Attacked
from tableau2net.training.environment import choose_device
from tableau2net.training.objectives import per_cent_wrong


def _predictions(path: Path) -> dict[str, Tensor]:
    """What is in a folder of the labels given so far; nothing where there is no such file."""
    if not path.is_file():
        return {}
    try:
        check_file(path, MOST_BYTES)
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]}); remove it") from None


def measure_run(
    folder: Path,
    attacks: tuple[str, ...] = ("pgd-20",),
    epsilon: float | None = None,
    attack_step: float | None = None,
    *,
    data: str | None = None,
    data_dir: Path = Path("data"),
    device: str | None = None,
) -> dict[str, float]:
    """The errors of a finished run's network on its test images, per cent: "clean", and under each attack by its name.

    attacks: as `train --evaluate` names them.  epsilon: the run's unless given.  attack_step: a quarter of that, of
        fgsm all of it.  data: where its images are now.
    Errors and labels are added to its result.json and predictions.safetensors, each written whole. Raises InputError,
    one line, for a folder that is no finished run, and for other images than it was tested on.
    """
    result = read_result(folder / RESULT)
    epsilon = result.asked.adversary.epsilon if epsilon is None else epsilon
    wanted = attacks_of(attacks, epsilon, attack_step, option="--attack", step_option="--attack-step")
    asked = {**result.asked.request(), "data_dir": data_dir, "seed": result.seed}
    images = load_data(**(asked if data is None else {**asked, "source": data}))
    if result.data.get("digest") not in (None, images.digest()):
        raise InputError(
            f"{folder}: was trained and tested on other images than {images.name} has; name them by --data"
        )
    place = choose_device(device)
    model = load_network(folder).to(place)
    measured = Attacked(model, images.to(place), place, result.precision, result.seed, result.asked.recipe.batch_size)
    tensors = _predictions(folder / PREDICTIONS)
    errors: dict[str, float] = {}
    for attack in wanted:
        given, true = measured.predictions(attack)
        errors[str(attack)] = per_cent_wrong(given, true)
        tensors |= detached({attacked_name(str(attack)): given.int(), "truth": true.int()})
    write_atomically(folder / PREDICTIONS, save(tensors))
    write_atomically(folder / RESULT, replace(result, robust={**result.robust, **errors}).to_json())
    return {"clean": Finished(result, folder).tested(), **errors}
