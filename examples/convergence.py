"""Draw the README's figure: a published table that claims order 5, and the same table with its misprint mended.

python examples/convergence.py docs/images/convergence.png
"""

import sys
from pathlib import Path

import tableau2net as t2n
from tableau2net.plot.schemes.convergence import draw_convergence

KNOWN_BAD = Path(__file__).parents[1] / "tests" / "known_bad"


def main(target: str) -> None:
    schemes = {
        "Euler (ResNet)": t2n.load("euler"),
        "AdamNet-2 at β₁ = 3/2": t2n.load("adamnet-2"),
        "Classical Runge–Kutta": t2n.load("rk4"),
        "Kutta–Nyström, sold as order 5": t2n.load(KNOWN_BAD / "horesnet-kutta-nystrom-5.toml"),
        "Kutta–Nyström, mended": t2n.load("kutta-nystrom-5"),
    }
    figure = draw_convergence(schemes, "y′ = y cos t: what was proved, and what the generated code does")
    Path(target).write_bytes(figure)


if __name__ == "__main__":
    main(sys.argv[1])
