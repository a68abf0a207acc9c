"""Recipes by name: the published ones, each with its source, and one of our own that takes far fewer epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """A recipe, where it was published, the options that its networks have besides, the settings of its adversary, and
    those of its task."""

    name: str
    reference: str
    recipe: Recipe
    options: Mapping[str, Any] = field(default_factory=dict)
    adversary: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "lm-2018",
            "Lu, Zhong, Li, Dong 2018 (ResNeXt: --weight-decay 5e-4; CIFAR-100: --epochs 300)",
            Recipe(),
        ),
        Preset("adamnet-2019", "Yan 2019, as LM-ResNet's for CIFAR-10", Recipe()),
        Preset(
            "dynamicblocks-2019",
            "Onken, Li, Liu, Ruthotto 2019",
            Recipe(epochs=120, batch_size=125, weight_decay=4e-4, milestones=(1 / 2, 2 / 3, 5 / 6), clip=(0.5, 1.5)),
        ),
        Preset(
            "stochastic-depth",
            "Huang et al. 2016, as Lu et al. 2018 train LM-ResNet-56 (110: --option survival=0.5)",
            Recipe(epochs=500),
            {"survival": 0.8},
        ),
        Preset(
            "fractalnet-2017",
            "Larsson, Maire, Shakhnarovich 2017, §3.3; weight decay is not told, it is that of the others",
            Recipe(epochs=400, batch_size=100, lr=0.02, milestones=(1 / 2, 3 / 4, 7 / 8, 15 / 16)),
            {"dropout": 0.4},
        ),
        Preset(
            "revnet-2017",
            "Gomez, Ren, Urtasun, Grosse 2017: 80,000 steps; resnet/configs/cifar_configs.py in their code",
            Recipe(batch_size=100, weight_decay=2e-4),
        ),
        Preset(
            "stochastic-depth-2016",
            "github.com/yueatsprograms/Stochastic_Depth: its main.lua, for CIFAR-10 at depth 110",
            Recipe(epochs=500, nesterov=True, milestones=(249 / 500, 374 / 500)),
            {"survival": 0.5},
        ),
        Preset(
            "in-resnet-2020",
            "github.com/minicheshire/InResNet: its train.py, for CIFAR-10 (it pads images by 2, mirrored)",
            Recipe(),
        ),
        Preset(
            "ie-resnet-2020",
            "github.com/homles11/IE-ResNet: its train.py without an attack (it has one by itself, and rotates images)",
            Recipe(
                epochs=150,
                weight_decay=5e-4,
                milestones=(99 / 150, 124 / 150, 139 / 150),
                warmup=1.0,
            ),
        ),
        Preset(
            "momentum-2021",
            "github.com/michaelsdr/momentumnet: its examples_paper/run_CIFAR_10.py and trainer_CIFAR_10.py",
            Recipe(epochs=220, lr=0.01, weight_decay=5e-4, milestones=(180 / 220,)),
        ),
        Preset(
            "neural-ode-2018",
            "github.com/rtqichen/torchdiffeq: its examples/odenet_mnist.py",
            Recipe(weight_decay=0.0, milestones=(60 / 160, 100 / 160, 140 / 160)),
        ),
        Preset(
            "anode-2019",
            "github.com/amirgholami/anode: its train.py and models/resnet.py",
            Recipe(epochs=350, batch_size=256, weight_decay=5e-4, milestones=(150 / 350, 250 / 350)),
        ),
        Preset(
            "modern",
            "our own: one cycle of Nesterov's momentum",
            Recipe(epochs=60, lr=0.3, weight_decay=5e-4, nesterov=True, schedule="one-cycle", warmup=5),
        ),
        Preset(
            "yopo-2019",
            "Zhang, Zhang, Lu, Zhu, Dong 2019: YOPO-5-3 as their code trains a pre-activation ResNet-18 on CIFAR-10",
            Recipe(epochs=36, batch_size=256, lr=0.2 / 5, weight_decay=5e-4, milestones=(30 / 36, 34 / 36)),
            adversary={"adversary": "yopo-5-3", "epsilon": 8 / 255, "attack_step": 2 / 255},
        ),
        Preset(
            "pgd-10",
            "the same authors' PGD-10 beside it (their loop adds the loss of the unchanged images; this is Madry's)",
            Recipe(
                epochs=105, batch_size=256, lr=0.05, weight_decay=5e-4, milestones=(75 / 105, 90 / 105, 100 / 105)
            ),
            adversary={"adversary": "pgd-10", "epsilon": 8 / 255, "attack_step": 2 / 255},
        ),
        Preset(
            "denoise",
            "our own: AdamW, the rate along half a cosine; what --task denoise has by itself",
            Recipe(
                epochs=60, batch_size=16, lr=2e-3, optimiser="adamw", weight_decay=0.0, schedule="cosine"
            ),
            task={"task": "denoise"},
        ),
        Preset(
            "tnrd",
            "our own, for tnrdT_KxK: AdamW at a high rate, down along half a cosine, and a running mean of weights",
            Recipe(
                epochs=28,
                batch_size=4,
                lr=1e-2,
                optimiser="adamw",
                betas=(0.9, 0.99),
                weight_decay=0.0,
                schedule="cosine",
                warmup=0.25,
                ema=0.998,
            ),
            task={"task": "denoise"},
        ),
        Preset(
            "next-state",
            "our own: AdamW, the rate along half a cosine; what --task next-state has by itself",
            Recipe(epochs=100, batch_size=16, lr=1e-3, optimiser="adamw", weight_decay=0.0, schedule="cosine"),
            task={"task": "next-state"},
        ),
    )
}  # fmt: skip


def find_preset(name: str) -> Preset:
    """The preset of a name. Raises InputError, with those that there are."""
    if name not in PRESETS:
        raise InputError(f"--preset {name[:40]}: must be one of {', '.join(PRESETS)}")
    return PRESETS[name]
