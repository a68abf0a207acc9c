"""Adversaries and attacks as data: what each is by itself, and what cannot be, in a line."""

from typing import Any

import pytest

from tableau2net.declared import plain
from tableau2net.errors import InputError
from tableau2net.recipes.adversary import AdversarySpec, Attack
from tableau2net.recipes.presets import find_preset
from tableau2net.runs.run_spec import RunSpec


def test_what_each_is_by_itself() -> None:
    by = {name: AdversarySpec(name) for name in ("yopo", "pgd", "free", "fgsm", "trades")}
    assert [spec.told for spec in by.values()] == [
        "yopo-5-3 8/255", "pgd-10 8/255", "free-8 8/255", "fgsm 8/255", "trades-10 8/255",
    ]  # fmt: skip
    assert [255 * (spec.attack_step or 0) for spec in by.values()] == pytest.approx([2, 2, 8, 10, 2])
    assert (by["yopo"].split, by["trades"].beta, by["yopo"].m, by["yopo"].n, by["fgsm"].m) == (1, 6.0, 5, 3, 1)
    assert AdversarySpec().told is None
    assert AdversarySpec("yopo-5-3", split=1) == by["yopo"]


def test_fractions_are_numbers() -> None:
    said: dict[str, Any] = {
        "epsilon": "8/255",
        "attack_step": "0.5/255",
        "evaluate_step": "1/10",
        "evaluate": ("fgsm",),
    }
    spec = AdversarySpec("pgd", **said)
    assert (spec.epsilon, spec.attack_step, spec.evaluate_step) == (8 / 255, 0.5 / 255, 0.1)
    assert RunSpec.of({"adversary": "pgd", **said}).adversary == spec


def test_attacks_by_name() -> None:
    spec = AdversarySpec(evaluate=("pgd-20", "pgd-50-10", "margin-40", "fgsm"))
    assert [(a.kind, a.steps, a.restarts) for a in spec.attacks] == [
        ("pgd", 20, 1), ("pgd", 50, 10), ("margin", 40, 1), ("fgsm", 1, 1),
    ]  # fmt: skip
    assert [255 * a.step for a in spec.attacks] == pytest.approx([2, 2, 2, 8])
    assert [str(a) for a in spec.attacks] == ["pgd-20 8/255", "pgd-50-10 8/255", "margin-40 8/255", "fgsm 8/255"]
    assert str(Attack.of("pgd-40", 0.3, 0.01)) == "pgd-40 0.3 step 0.01"


def test_presets_are_those_of_the_authors_code() -> None:
    """a1600012888/YOPO-You-Only-Propagate-Once, experiments/CIFAR10/pre-res18.yopo-5-3 and pre-res18.pgd10."""
    yopo, pgd = (RunSpec.of({"preset": name}) for name in ("yopo-2019", "pgd-10"))
    assert (yopo.adversary.told, pgd.adversary.told) == ("yopo-5-3 8/255", "pgd-10 8/255")
    assert yopo.adversary.attack_step == pgd.adversary.attack_step == 2 / 255
    rates = [[run.recipe.lr_at(epoch) for epoch in epochs] for run, epochs in (
        (yopo, (0, 29, 30, 33, 34, 35)), (pgd, (0, 74, 75, 90, 100, 104)))]  # fmt: skip
    assert rates[0] == pytest.approx([0.04, 0.04, 4e-3, 4e-3, 4e-4, 4e-4])
    assert rates[1] == pytest.approx([0.05, 0.05, 5e-3, 5e-4, 5e-5, 5e-5])
    assert [(run.recipe.epochs, run.recipe.batch_size, run.recipe.weight_decay) for run in (yopo, pgd)] == [
        (36, 256, 5e-4), (105, 256, 5e-4),
    ]  # fmt: skip
    assert find_preset("modern").adversary == {}
    shorter = RunSpec.of({"preset": "yopo-2019", "adversary": "yopo-3-3", "recipe.epochs": 5})
    assert (shorter.adversary.told, shorter.recipe.epochs) == ("yopo-3-3 8/255", 5)


def test_none_takes_off_the_adversary_of_a_preset() -> None:
    settings: dict[str, Any]
    for settings in ({"adversary": "none"}, {"adversary": "none", "evaluate": ("fgsm",), "epsilon": 0.1}):
        run = RunSpec.of({"preset": "yopo-2019", **settings})
        wanted = AdversarySpec(**{name: value for name, value in settings.items() if name != "adversary"})
        assert (run.adversary, run.adversary.evaluate) == (wanted, settings.get("evaluate", ()))
        assert run.recipe == find_preset("yopo-2019").recipe
    assert RunSpec.of({"adversary": "none"}) == RunSpec()


def test_what_was_kept_with_values_of_its_own_is_read() -> None:
    """What nobody says is held to be nothing said: a result may tell of an epsilon that nothing was changed by."""
    run = RunSpec(adversary=AdversarySpec(epsilon=0.1, evaluate_step=0.1, evaluate_every=2))
    assert RunSpec.read(plain(run), "a test").adversary == run.adversary


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"adversary": "cw"}, "--adversary 'cw': write one of yopo-M-N, pgd-M, free-M, fgsm, trades-M, as in yopo-5-3"),
    ({"adversary": "yopo-5-"}, "--adversary 'yopo-5-': write one of"),
    ({"adversary": "yopo--5-3"}, "--adversary 'yopo--5-3': write one of"),
    ({"adversary": "pgd-٣"}, "--adversary 'pgd-٣': write one of"),
    ({"adversary": "pgd-10-3"}, "--adversary pgd-10-3: pgd has one number, the steps of the attack"),
    ({"adversary": "yopo-5"}, "--adversary yopo-5: yopo has two, yopo-M-N"),
    ({"adversary": "fgsm-2"}, "--adversary fgsm-2: fgsm has no numbers"),
    ({"adversary": "pgd-0"}, "--adversary pgd-0: its numbers are from 1 to 1000"),
    ({"adversary": "yopo-5-1001"}, "--adversary yopo-5-1001: its numbers are from 1 to 1000"),
    ({"adversary": "pgd", "epsilon": -0.1}, "--epsilon -0.1: it must be from 0 to 1, the range of a pixel: 8/255, say"),
    ({"epsilon": 8.0}, "--epsilon 8: it must be from 0 to 1"),
    ({"epsilon": "1/0"}, "adversary: epsilon is '1/0'"),
    ({"adversary": "pgd", "attack_step": -1.0}, "--attack-step -1: it must be from 0 to 1"),
    ({"adversary": "pgd", "split": 1}, "--split 1: is of --adversary yopo; leave it out"),
    ({"adversary": "yopo", "beta": 6.0}, "--beta 6.0: is of --adversary trades; leave it out"),
    ({"adversary": "trades", "beta": -6.0}, "--beta -6: it must be at least 0 and finite"),
    ({"adversary": "yopo", "split": -1}, "adversary: split is -1; write a whole number from 0 to 1000000"),
    ({"adversary": "pgd", "ramp": -1.0}, "--ramp -1: it must be at least 0 and finite"),
    ({"adversary": "pgd", "ramp": 200.0}, "--ramp 200: the run has 160 epochs; write no more"),
    ({"adversary": "pgd", "ramp": 2.0, "recipe.epochs": 1}, "--ramp 2: the run has 1 epoch; write no more"),
    ({"adversary": "pgd", "layer_parallel": "4"}, "--adversary pgd-10: an attack goes through the steps one by one"),
    ({"ramp": 5.0}, "--ramp: is of an adversary; name one by --adversary"),
    ({"attack_step": 0.1, "evaluate": ("fgsm",)}, "--attack-step: is of an adversary; name one by --adversary"),
    ({"epsilon": 0.1}, "--epsilon: is of an adversary or an attack; name one by --adversary or --evaluate"),
    ({"evaluate_step": 0.1}, "--evaluate-step: is of an attack; name one by --evaluate"),
    ({"evaluate_step": 0.1, "adversary": "pgd"}, "--evaluate-step: is of an attack; name one by --evaluate"),
    ({"evaluate_every": 2}, "--evaluate-every: is of an attack; name one by --evaluate"),
    ({"evaluate_every": 2, "preset": "yopo-2019", "evaluate": ()}, "--evaluate-every: is of an attack"),
    ({"split": 1}, "--split 1: is of --adversary yopo"),
    ({"beta": 6.0}, "--beta 6.0: is of --adversary trades"),
    ({"epsilon": 0.1, "preset": "yopo-2019", "adversary": "none"}, "--epsilon: is of an adversary or an attack"),
    ({"attack_step": 0.1, "preset": "yopo-2019", "adversary": "none"}, "--attack-step: is of an adversary"),
    ({"evaluate": ("pgd",)}, "--evaluate 'pgd': write pgd-STEPS, pgd-STEPS-RESTARTS"),
    ({"evaluate": ("pgd-0",)}, "--evaluate 'pgd-0': write"),
    ({"evaluate": ("pgd-20", "pgd-20")}, "--evaluate pgd-20, pgd-20: an attack is named twice"),
    ({"evaluate": tuple(f"pgd-{n}" for n in range(1, 20))}, "--evaluate: 19 attacks; at most 16 are made"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), WRONG)
def test_what_cannot_be_is_said_in_a_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        RunSpec.of(settings)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)
