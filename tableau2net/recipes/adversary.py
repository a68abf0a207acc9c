"""Training against an adversary, and the attacks that a network is measured by, as data.

What is changed is images, by at most ε a pixel; ε and steps are in units of a pixel's range, 0 to 1, whatever images
are normalised by.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tableau2net.declared import hold_types, setting
from tableau2net.errors import InputError

# How often each passes the whole network, and yopo its first part, where that is not said: yopo is yopo-5-3.
COUNTS: dict[str, tuple[int, ...]] = {"yopo": (5, 3), "pgd": (10,), "free": (8,), "fgsm": (), "trades": (10,)}
# What one of them is asked for besides, and what it has where that is not said.
USUAL_OF: dict[str, dict[str, Any]] = {"yopo": {"split": 1}, "trades": {"beta": 6.0}}
WRITTEN = "yopo-M-N, pgd-M, free-M, fgsm, trades-M"
MOST = 1000
# Its step, in units of ε.
STEPS = {"yopo": 1 / 4, "pgd": 1 / 4, "free": 1.0, "fgsm": 1.25, "trades": 1 / 4}
ATTACK = re.compile(r"(pgd|margin)-([1-9]\d{0,3})(?:-([1-9]\d{0,2}))?|fgsm", re.ASCII)
MOST_ATTACKS = 16


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
    def of(cls, text: str, epsilon: float, step: float | None) -> Attack:
        """The attack of a text; a step that is not said is a quarter of ε, of fgsm ε. Raises InputError."""
        found = ATTACK.fullmatch(text)
        if found is None:
            raise InputError(
                f"--evaluate {text[:40]!r}: write pgd-STEPS, pgd-STEPS-RESTARTS, margin-STEPS, "
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
    split: Annotated[int, Meta(ge=0)] | None = setting(
        None, "yopo: that part is the opening and so many steps of the scheme.", usual="1"
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
    evaluate_every: Annotated[int, Meta(ge=0)] = setting(
        0, "Measure so behind every so many epochs; 0: behind the last alone.", decides=False
    )

    def __post_init__(self) -> None:
        hold_types(self, "adversary")
        for name, value in (("epsilon", self.epsilon), ("attack_step", self.attack_step), *self._other_numbers()):
            most = 1.0 if name in ("epsilon", "attack_step", "evaluate_step") else math.inf
            if value is not None and not (0 <= value <= most and math.isfinite(value)):
                wanted = "from 0 to 1, the range of a pixel: 8/255, say" if most == 1 else "at least 0 and finite"
                raise InputError(f"{_option(name)} {value:g}: it must be {wanted}")
        self._settle()
        if len(self.evaluate) > MOST_ATTACKS:
            raise InputError(f"--evaluate: {len(self.evaluate)} attacks; at most {MOST_ATTACKS} are made")
        if len({str(attack) for attack in self.attacks}) < len(self.evaluate):
            raise InputError(f"--evaluate {', '.join(self.evaluate)[:60]}: an attack is named twice")

    def _other_numbers(self) -> tuple[tuple[str, float | None], ...]:
        return ("evaluate_step", self.evaluate_step), ("beta", self.beta), ("ramp", self.ramp)

    def _settle(self) -> None:
        """Have all that the adversary has. Raises InputError for one that there is none of, and what it has not."""
        if self.adversary is not None:
            object.__setattr__(self, "adversary", _settled(self.adversary))
        usual = USUAL_OF.get(self.kind, {})
        for name, owner in (("split", "yopo"), ("beta", "trades")):
            if (value := getattr(self, name)) is not None and self.kind != owner:
                raise InputError(f"{_option(name)} {value}: is of --adversary {owner}; leave it out")
        if self.adversary is None:
            if self.attack_step is not None or self.ramp:
                raise InputError(
                    f"{'--ramp' if self.ramp else '--attack-step'}: is of an adversary; name one by --adversary"
                )
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
        return [Attack.of(text, self.epsilon, self.evaluate_step) for text in self.evaluate]

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


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
