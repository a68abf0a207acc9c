"""Networks of torchvision and timm beside what Euler's scheme makes of them: `python tests/nn/convert_survey.py`.

A line a network: residual blocks found, left, why; whether outputs are the same bits in eval and in train mode.
Not a test: some minutes. `test_convert.py` holds a sample of it. Names may be given: `… convert_survey.py timm:xcit`.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert

# each network once a variant of its forward; sizes of width and depth alone add nothing
TORCHVISION = """resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2 regnet_y_400mf
regnet_x_400mf convnext_tiny vit_b_16 swin_t swin_v2_t efficientnet_b0 efficientnet_v2_s mobilenet_v2 mobilenet_v3_small
mobilenet_v3_large mnasnet0_5 densenet121 vgg11_bn alexnet googlenet inception_v3 shufflenet_v2_x0_5 squeezenet1_1
maxvit_t""".split()  # noqa: SIM905
TIMM = """resnet18 resnet26 resnet50d resnet50_gn resnetaa50 resnetblur50 resnetrs50 resnetv2_50 resnetv2_50d
resnext50_32x4d seresnet18 seresnext50_32x4d ecaresnet26t skresnet18 wide_resnet50_2 gcresnet33ts lambda_resnet26t
halonet26t botnet26t_256 convnext_atto convnext_pico convnextv2_atto vit_tiny_patch16_224 vit_relpos_small_patch16_224
vit_small_patch16_dinov3 deit_tiny_patch16_224 deit3_small_patch16_224 beit_base_patch16_224 beitv2_base_patch16_224
cait_xxs24_224 swin_tiny_patch4_window7_224 swin_s3_tiny_224 swinv2_tiny_window8_256 swinv2_cr_tiny_ns_224
mixer_s32_224 resmlp_12_224 gmlp_ti16_224 poolformer_s12 poolformerv2_s12 caformer_s18 convformer_s18
efficientnet_b0 efficientnet_lite0 tf_efficientnetv2_b0 mobilenetv3_small_050 mobilenetv4_conv_small mnasnet_small
regnetx_002 regnety_002 regnetz_b16 nfnet_l0 dm_nfnet_f0 nf_resnet26 coatnet_nano_rw_224 coatnet_rmlp_nano_rw_224
coat_lite_tiny xcit_nano_12_p16_224 edgenext_xx_small hgnet_tiny hgnetv2_b0 dla34 res2net50_26w_4s res2next50
nest_tiny twins_pcpvt_small twins_svt_small pvt_v2_b0 levit_128s mobilevit_xxs mobilevitv2_050 eva02_tiny_patch14_224
efficientformer_l1 efficientformerv2_s0 fastvit_t8 repvgg_a0 repvit_m0_9 ghostnet_050 crossvit_tiny_240
convit_tiny tnt_s_patch16_224 visformer_tiny volo_d1_224 davit_tiny focalnet_tiny_srf hiera_tiny_224 maxvit_pico_rw_256
maxxvit_rmlp_nano_rw_256 mvitv2_tiny inception_next_atto rdnet_tiny starnet_s1 tiny_vit_5m_224 convmixer_768_32
sequencer2d_s gcvit_xxtiny nextvit_small pit_ti_224 rexnet_100 selecsls42b tresnet_m vovnet39a xception41 cspresnet50
darknet53 densenet121 dpn48b hardcorenas_a inception_resnet_v2 naflexvit_base_patch16_gap samvit_base_patch16_224
vitamin_small_224 legacy_seresnet18 shvit_s1 swiftformer_xs mambaout_femto vgg11""".split()  # noqa: SIM905


def make(name: str) -> tuple[nn.Module, int]:
    """A network by its name, random weights and stochastic depth, and the size of an image for it."""
    library, _, model = name.partition(":")
    if library == "torchvision":
        import torchvision.models as models

        options: dict[str, Any] = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
        return models.get_model(model, weights=None, **options), 224 if model in ("vit_b_16", "maxvit_t") else 96
    import timm

    try:
        built = timm.create_model(model, drop_path_rate=0.2)
    except TypeError:
        built = timm.create_model(model)
    size = built.pretrained_cfg["input_size"][-1] if built.pretrained_cfg else 224
    fixed = built.pretrained_cfg.get("fixed_input_size", False) if built.pretrained_cfg else True
    fixed = fixed or "halo" in model  # windows that have to fit
    return built, size if fixed else 128


def outcome(net: nn.Module, x: torch.Tensor, training: bool) -> Any:
    """The output, with the same random draws each time."""
    net.train(training)
    torch.manual_seed(1)
    with torch.no_grad():
        return net(x)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) or bool((a.isnan() == b.isnan()).all() and torch.equal(a.nan_to_num(), b.nan_to_num()))
    return len(a) == len(b) and all(same(p, q) for p, q in zip(a, b, strict=True) if p is not None)


def survey(name: str, build: Callable[[str], tuple[nn.Module, int]] = make) -> tuple[str, ...]:
    """name, blocks found, steps, left, outputs equal, seconds, why those left are left."""
    torch.manual_seed(0)
    model, size = build(name)
    begin = time.perf_counter()
    try:
        net: Any = convert(model, "euler")
    except InputError as error:
        return (name, "0", "0", "", "not converted", f"{time.perf_counter() - begin:.1f}", str(error))
    seconds = time.perf_counter() - begin
    done = net.conversion
    x = torch.randn(2, 3, size, size)
    equal = []
    for training in (False, True):
        model.train(training)
        ours = outcome(net, x, training)
        theirs = outcome(model, x, training)
        equal.append("yes" if same(theirs, ours) else f"NO ({done.equal})")
    counted = Counter(f"{left.kind}: {left.why}" for left in done.left)
    why = "; ".join(f"{n} × {text}" for text, n in counted.most_common(4))
    blocks, steps = sum(r.blocks for r in done.runs), sum(r.steps for r in done.runs)
    return (name, str(blocks), str(steps), str(len(done.left)), "/".join(equal), f"{seconds:.1f}", why)


def main(names: list[str]) -> None:
    everything = [*(f"torchvision:{n}" for n in TORCHVISION), *(f"timm:{n}" for n in TIMM)]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("network", "blocks", "steps", "left", "equal in eval/train", "seconds", "why left", sep=" | ")
    for name in everything:
        if not names or any(text in name for text in names):
            try:
                print(*survey(name), sep=" | ", flush=True)
            except Exception as error:
                print(
                    name, f"FAILED {type(error).__name__}: {' '.join(str(error).split())[:150]}", sep=" | ", flush=True
                )


if __name__ == "__main__":
    main(sys.argv[1:])
