"""Multi-level training: a shallow network is trained, its steps are halved, and it goes on as a deeper one.

python examples/multilevel.py
"""

import time

import torch
from torch.nn import functional

import tableau2net as t2n
from tableau2net.data.glyphs import draw_glyphs
from tableau2net.nn import parameter_groups
from tableau2net.nn.blocks import blocks_of
from tableau2net.nn.refinement import refine


def main(count: int = 120, passes: int = 8, levels: int = 3, name: str = "lm_resnet14") -> None:
    torch.manual_seed(0)
    images, labels = draw_glyphs(count, split="train")
    x, target = torch.tensor(images).permute(0, 3, 1, 2)[:, :, ::2, ::2] / 255 - 0.5, torch.tensor(labels)

    net = t2n.create_model(name, widths=(8, 16, 32))
    for level in range(levels):
        optimiser = torch.optim.AdamW(
            parameter_groups(net, 1e-4), 3e-3
        )  # anew: its state is of parameters that are gone
        began = time.perf_counter()
        for _ in range(passes):
            loss = functional.cross_entropy(net(x), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        blocks = [block for _, block, _ in blocks_of(net)]
        steps, h = sum(len(block.fields) for block in blocks), blocks[0].h
        seconds = time.perf_counter() - began
        print(f"level {level}: {steps} steps with h = {h:g}, loss {loss.item():.3f}, {seconds / passes:.2f} s a pass")
        if level + 1 < levels:
            fine = refine(net)
            with torch.no_grad():
                coarse_loss, fine_loss = (functional.cross_entropy(each(x), target).item() for each in (net, fine))
            print(f"  refined: loss {coarse_loss:.3f} before, {fine_loss:.3f} after")
            net = fine


if __name__ == "__main__":
    main()
