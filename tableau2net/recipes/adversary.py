"""Training against an adversary, and the attacks that a network is measured by, as data.

What is changed is images, by at most ε a pixel; ε and steps are in units of a pixel's range, 0 to 1, whatever images
are normalised by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tableau2net.declared import declared, hold_types, setting
from tableau2net.errors import InputError

# How often each passes the whole network, and yopo its first part, where that is not said: yopo is yopo-5-3.
COUNTS: dict[str, tuple[int, ...]] = {"yopo": (5, 3), "pgd": (10,), "free": (8,), "fgsm": (), "trades": (10,)}
NONE = "none"  # takes off that of a preset
# What one of them is asked for besides, and what it has where that is not said.
USUAL_OF: dict[str, dict[str, Any]] = {"yopo": {"split": 1}, "trades": {"beta": 6.0}}
WRITTEN = "yopo-M-N, pgd-M, free-M, fgsm, trades-M"
MOST = 1000
# Its step, in units of ε.
STEPS = {"yopo": 1 / 4, "pgd": 1 / 4, "free": 1.0, "fgsm": 1.25, "trades": 1 / 4}
ATTACK = re.compile(r"(pgd|margin)-([1-9]\d{0,3})(?:-([1-9]\d{0,2}))?|fgsm", re.ASCII)
MOST_ATTACKS = 16
# What is said for nothing where none of these is said too.
OF = {
    "epsilon": ("adversary", "evaluate"), "attack_step": ("adversary",), "ramp": ("adversary",),
    "evaluate_step": ("evaluate",), "evaluate_every": ("evaluate",),
}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """An attack that a network is measured by: `steps` steps uphill from each of `restarts` random places.

    kind: "pgd", of the entropy; "margin", of how far the best wrong score is above the right one; "fgsm", one step of
    the entropy from the image itself.  Written pgd-STEPS or pgd-STEPS-RESTARTS.
    """

    kind: str
    steps: int
    restarts: int
    epsilon: float
    step: float

    @classmethod
    def of(cls, text: str, epsilon: float, step: float | None, option: str = "--evaluate") -> Attack:
        """The attack of a text; a step that is not said is a quarter of ε, of fgsm ε. Raises InputError."""
        found = ATTACK.fullmatch(text)
        if found is None:
            raise InputError(
                f"{option} {text[:40]!r}: write pgd-STEPS, pgd-STEPS-RESTARTS, margin-STEPS, "
                "margin-STEPS-RESTARTS or fgsm, as in pgd-20"
            )
        if found[1] is None:
            return cls("fgsm", 1, 1, epsilon, epsilon if step is None else step)
        return cls(found[1], int(found[2]), int(found[3] or 1), epsilon, epsilon / 4 if step is None else step)

    def __str__(self) -> str:
        """As results and tables call it: "pgd-20 8/255"; a step that is not the usual one is told."""
        often = "" if self.restarts == 1 else f"-{self.restarts}"
        name = "fgsm" if self.kind == "fgsm" else f"{self.kind}-{self.steps}{often}"
        own = math.isclose(self.step, self.epsilon / (1 if self.kind == "fgsm" else 4))
        return f"{name} {in_pixels(self.epsilon)}" + ("" if own else f" step {in_pixels(self.step)}")


def attacks_of(
    texts: Sequence[str], epsilon: float, step: float | None, *, option: str = "--evaluate", step_option: str
) -> list[Attack]:
    """The attacks of texts. Raises InputError, by the names of these options, for what cannot be."""
    check_numbers([("--epsilon", epsilon, 1.0), (step_option, step, 1.0)])
    if len(texts) > MOST_ATTACKS:
        raise InputError(f"{option}: {len(texts)} attacks; at most {MOST_ATTACKS} are made")
    attacks = [Attack.of(text, epsilon, step, option) for text in texts]
    if len(set(map(str, attacks))) < len(texts):
        raise InputError(f"{option} {', '.join(texts)[:60]}: an attack is named twice")
    return attacks


def check_numbers(numbers: Iterable[tuple[str, float | None, float]]) -> None:
    """Raises InputError for an option whose number is not from 0 to the most that it may be."""
    for option, value, most in numbers:
        if value is not None and not (0 <= value <= most and math.isfinite(value)):
            wanted = "from 0 to 1, the range of a pixel: 8/255, say" if most == 1 else "at least 0 and finite"
            raise InputError(f"{option} {value:g}: it must be {wanted}")


def in_pixels(value: float) -> str:
    """A part of a pixel's range as people write it: 8/255, 0.3."""
    levels = round(255 * value)
    if levels and math.isclose(255 * value, levels, rel_tol=1e-9) and len(f"{value:.12g}") > 6:
        return f"{levels}/255"
    return f"{value:.6g}"


@dataclass(frozen=True)
class AdversarySpec:
    """Who changes the images that a network is trained on, and what it is measured by; what is left open is settled.

    min over θ of the mean of max over ‖η‖∞ ≤ ε of ℓ(x + η), x + η staying in the range of a pixel. See
    `tableau2net.training.adversary` for each. Raises InputError, one line, for what cannot be.
    """

    adversary: str | None = setting(
        None, f"Train on images changed to be got wrong, by {WRITTEN}; yopo is yopo-5-3.", usual="none"
    )
    epsilon: float = setting(
        8 / 255, "Most that a pixel, from 0 to 1, is changed by.", usual="8/255", kind=str, metavar="FRACTION"
    )
    attack_step: float | None = setting(
        None,
        "Step of the adversary.",
        usual="epsilon/4; free: epsilon; fgsm: 1.25 epsilon",
        kind=str,
        metavar="FRACTION",
    )
    split: Annotated[int, Meta(ge=0, le=10**6)] | None = setting(
        None, "yopo: that part is the opening and so many steps of the scheme.", usual="1", ranged=True
    )
    beta: float | None = setting(None, "trades: weight of the divergence.", usual="6")
    ramp: float = setting(0.0, "Epochs in which epsilon, and the step, rise from 0.")
    evaluate: tuple[str, ...] = setting(
        (), "Attack to measure by: pgd-20, pgd-20-5 (5 restarts), margin-20, fgsm; repeatable.", decides=False,
        metavar="ATTACK",
    )  # fmt: skip
    evaluate_step: float | None = setting(
        None, "Step of these.", decides=False, usual="epsilon/4; fgsm: epsilon", kind=str, metavar="FRACTION"
    )
    evaluate_every: Annotated[int, Meta(ge=0, le=10**6)] = setting(
        0, "Measure so behind every so many epochs; 0: behind the last alone.", decides=False, ranged=True
    )

    def __post_init__(self) -> None:
        hold_types(self, "adversary")
        inside: dict[str, float] = {"epsilon": 1.0, "attack_step": 1.0, "beta": math.inf, "ramp": math.inf}
        check_numbers((_option(name), getattr(self, name), most) for name, most in inside.items())
        self._settle()
        _ = self.attacks  # each can be made

    @classmethod
    def of(cls, settings: Mapping[str, Any], preset: Mapping[str, Any]) -> AdversarySpec:
        """What settings say, and a preset where they do not; "none" takes the preset's adversary off, and what belongs
        to it. Raises InputError for what is said for nothing, too, and is not what it has by itself."""
        if settings.get("adversary") == NONE:
            preset = {}
        spec = cls(**{**preset, **settings})
        kind: Any = cls
        usual = declared(kind)
        spec.check_said(name for name in settings if getattr(spec, name) != usual[name].default)
        return spec

    def check_said(self, names: Iterable[str]) -> None:
        """Raises InputError for a setting of these names that nothing comes of: there is nothing that it is of."""
        for name in names:
            if name in OF and not any(getattr(self, owner) for owner in OF[name]):
                raise InputError(_alone(name))

    def _settle(self) -> None:
        """Have all that the adversary has. Raises InputError for one that there is none of, and what it has not."""
        if self.adversary == NONE:
            object.__setattr__(self, "adversary", None)
        if self.adversary is not None:
            object.__setattr__(self, "adversary", _settled(self.adversary))
        usual = USUAL_OF.get(self.kind, {})
        for name, owner in (("split", "yopo"), ("beta", "trades")):
            if (value := getattr(self, name)) is not None and self.kind != owner:
                raise InputError(f"{_option(name)} {value}: is of --adversary {owner}; leave it out")
        if self.adversary is None:
            if self.attack_step is not None or self.ramp:
                raise InputError(_alone("ramp" if self.ramp else "attack_step"))
            return
        for name, value in {**usual, "attack_step": min(1.0, STEPS[self.kind] * self.epsilon)}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @property
    def kind(self) -> str:
        """The adversary without its numbers; empty where there is none."""
        return (self.adversary or "").partition("-")[0]

    @property
    def m(self) -> int:
        """How often a batch goes through the whole network for a step of it, or, of Free, for as many steps."""
        return self._counts[0] if self._counts else 1

    @property
    def n(self) -> int:
        """How many steps YOPO's adversary makes each time, through the first part of the network alone."""
        return self._counts[1]

    @property
    def _counts(self) -> list[int]:
        return [int(number) for number in (self.adversary or "").split("-")[1:]]

    @property
    def attacks(self) -> list[Attack]:
        """What the network is measured by. Raises InputError for a text that names no attack."""
        return attacks_of(self.evaluate, self.epsilon, self.evaluate_step, step_option="--evaluate-step")

    @property
    def told(self) -> str | None:
        """In a few words: "yopo-5-3 8/255"; None where there is none."""
        return None if self.adversary is None else f"{self.adversary} {in_pixels(self.epsilon)}"


def _settled(text: str) -> str:
    """An adversary with all its numbers. Raises InputError for what is none."""
    kind, *numbers = text.split("-")
    usual = COUNTS.get(kind)
    if usual is None or not all(re.fullmatch(r"[0-9]{1,4}", number) for number in numbers):
        raise InputError(f"--adversary {text[:40]!r}: write one of {WRITTEN}, as in yopo-5-3")
    if numbers and len(numbers) != len(usual):
        has = {0: "has no numbers", 1: "has one number, the steps of the attack", 2: "has two, yopo-M-N"}[len(usual)]
        raise InputError(f"--adversary {text[:40]}: {kind} {has}")
    if not all(1 <= int(number) <= MOST for number in numbers):
        raise InputError(f"--adversary {text[:40]}: its numbers are from 1 to {MOST}")
    return "-".join([kind, *(str(int(number)) for number in numbers or usual)])


def _alone(name: str) -> str:
    of = {"adversary": "an adversary", "evaluate": "an attack"}
    owners = OF[name]
    return (
        f"{_option(name)}: is of {' or '.join(map(of.__getitem__, owners))}; "
        f"name one by {' or '.join(map(_option, owners))}"
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
