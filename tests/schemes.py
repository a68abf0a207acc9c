"""Schemes of every family, small ones and some of the library."""

from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    MultirateInfinitesimal,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
    list_schemes,
    load,
)

IMEX = AdditiveRungeKutta(
    parts=(
        RungeKutta(A=[[], ["1/2"]], b=["0", "1"], b_hat=["1", "0"]),
        RungeKutta(A=[["1/2"], ["1/4", "1/4"]], b=["0", "1"], b_hat=["1/2", "1/2"]),
    ),
    name="imex",
)
VERLET = PartitionedRungeKutta(
    parts=(
        RungeKutta(A=[["0", "0"], ["1/2", "1/2"]], b=["1/2", "1/2"]),
        RungeKutta(A=[["1/2", "0"], ["1/2", "0"]], b=["1/2", "1/2"]),
    ),
    reads=((2,), (1,)),
    name="verlet",
)
CNAB = AdditiveMultistep(alpha=["0", "-1", "1"], betas=[["-1/2", "3/2", "0"], ["0", "1/2", "1/2"]], name="cnab")
STORMER = Multistep(alpha=["1", "-2", "1"], beta=["0", "1", "0"], derivative=2, name="stormer")
TWO_STEP = GeneralLinear(
    A=[[], ["1/2"]],
    U=[["1", "0"], ["1", "1/4"]],
    B=[["1/2", "1/2"], ["0", "1"]],
    V=[["1", "0"], ["0", "0"]],
    external=("y", "k2"),
    name="two-step",
    title="two <step> & 100%_",
)
NAMES = ("rk4", "dormand-prince-54", "gauss-2", "lm", "adamnet-3", "cooper-verner-8", "bdf-6", "leapfrog-2", "sdirk-21")
SCHEMES = [IMEX, VERLET, CNAB, STORMER, TWO_STEP, *map(load, NAMES)]


def listed_with_code():
    """The names of the library's schemes, but of those whose flows are exact, which have no code of their own."""
    return [name for name in list_schemes() if not isinstance(load(name), MultirateInfinitesimal)]


def named(scheme):
    return scheme.name
