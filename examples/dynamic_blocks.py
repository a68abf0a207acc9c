"""Dynamic blocks: a network with weights θ(t) is trained, then measured on finer and coarser grids.

python examples/dynamic_blocks.py
"""

import tempfile

from tableau2net.training import Recipe, compare_accuracy, load_data, load_network, train

# Onken et al. 2019, who have 120 epochs, batches of 125 and a first rate of 0.1 beside.
PAPER = {"weight_decay": 4e-4, "milestones": (1 / 2, 2 / 3, 5 / 6), "clip": (0.5, 1.5)}


def main(data: str = "glyphs:500:100", epochs: int = 8, widths: tuple[int, ...] = (8, 16)) -> None:
    images = load_data(data, validation=100)
    recipe = Recipe(epochs=epochs, batch_size=20, lr=0.02, smoothness=1e-6, refine=(0.5,), augment=False, **PAPER)
    # Steps of 1 and 2, with weights at three times: the grid of states and that of weights are two.
    grids = {"states": (0, 1, 3), "controls": (0, 1.5, 3)}
    with tempfile.TemporaryDirectory() as folder:
        result = train(
            model_name="dynamic_rk1_double", widths=widths, **grids,
            data=images, recipe=recipe, out=folder, quiet=True,
        )  # fmt: skip
        net = load_network(folder)
    (refined,) = result.refinements
    print(
        f"trained: before epoch {refined['epoch']} {refined['steps_before']} steps became {refined['steps']}, error "
        f"{refined['error_before']:.1f} % → {refined['error_after']:.1f} %; at the end {result.validation_error:.1f} %"
    )
    first = net.blocks[0]
    print(f"its first block: states at {first.states}, weights at {first.own_controls()[0].knots}")
    for name, other in (
        ("weights twice as fine", net.refine(1, 2)),  # the same θ(t), so the same predictions
        ("steps twice as fine", net.refine(2, 1)),
        ("steps twice as coarse", net.coarsen(2, 1)),
        ("both twice as coarse", net.coarsen(2, 2)),
    ):
        print(f"{name}: {compare_accuracy(net, other, images)}; Σ h ‖Δθ‖₁ = {other.smoothness().item():.1f}")


if __name__ == "__main__":
    main()
