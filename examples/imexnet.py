"""IMEXnet (Haber et al. 2019): with one implicit step of diffusion, solved by FFT, each pixel sees the whole image.

python examples/imexnet.py
"""

import torch

import tableau2net as t2n


def main(size: int = 64) -> None:
    for name in ("resnet8", "resnet20", "imexnet8"):
        torch.manual_seed(0)
        net = t2n.create_model(name)
        found = t2n.summary(net, (3, size, size))
        first = found.blocks[0]
        sees = "×".join(map(str, first.receptive_field))
        print(
            f"{name}: {first.steps} step{'s' * (first.steps > 1)} of {first.scheme} at {size}×{size}: "
            f"a pixel sees {sees}; {first.parameters:,} parameters, {first.flops / 1e6:.0f} MFLOPs"
        )

    field = net.blocks[0].fields[0][1]  # −L, learnt; its resolvent is the solve (I + hL)⁻¹
    spot = torch.zeros(1, 16, size, size)
    spot[..., size // 2, size // 2] = 1
    with torch.no_grad():
        for h in (1.0, 100.0):
            after = field.resolvent(spot, h)[0, 0, size // 2, size // 2 :].abs()
            reach = int((after > after[0] / 1000).nonzero().max())
            print(f"h = {h:g}: a bright pixel is above a thousandth of itself up to {reach} pixels away")
        noise = torch.randn(1, 16, size, size)
        print(
            f"and no h makes it grow: at h = 1e6 noise becomes {field.resolvent(noise, 1e6).norm() / noise.norm():.2f}"
        )


if __name__ == "__main__":
    main()
