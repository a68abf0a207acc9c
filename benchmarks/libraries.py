"""Other libraries taking the same step, each where it is installed; what is absent is named.

    pip install torchdiffeq torchode
    pip install --no-deps torchdyn torchsde torchcde trampoline attrs    # its solvers do without lightning

An adaptive method is measured at its best: the first step is given and accepted, so it takes one step. torchdyn's
cannot be given its first step and takes several, so only its fixed rk4 is measured.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Forward = Callable[[], Tensor]
REMARK = "torchdiffeq's rk4 is the 3/8 rule, six nonzero a_ij where rk4 has three; an adaptive step has seven stages"
LOOSE = 1e6  # a tolerance at which any step is accepted
PEERS = {"torchdiffeq": "torchdiffeq", "torchode": "torchode", "torchdyn": "torchdyn.numerics"}


def imported(name: str) -> Any | None:
    """The library's module with the solvers; None where it does not import."""
    try:
        return importlib.import_module(PEERS[name])
    except Exception:  # an old library may fail in any way against a new torch
        return None


def versions() -> dict[str, str]:
    """The version of each peer, or why it is left out."""
    found = {}
    for name in PEERS:
        if imported(name):
            found[name] = importlib.metadata.version(name)
        else:
            try:
                found[name] = f"left out: {importlib.metadata.version(name)} is installed but does not import"
            except importlib.metadata.PackageNotFoundError:
                found[name] = "left out: not installed"
    return found


def fixed_rk4(y: Tensor, field: nn.Module) -> dict[str, Forward]:
    """One rk4 step of each library that has one."""
    times = torch.tensor([0.0, 1.0], device=y.device)
    found: dict[str, Forward] = {}
    if diffeq := imported("torchdiffeq"):
        found["torchdiffeq rk4"] = lambda: diffeq.odeint(
            lambda t, x: field(x), y, times, method="rk4", options={"step_size": 1.0}
        )[-1]
    if dyn := imported("torchdyn"):
        found["torchdyn rk4"] = lambda: dyn.odeint(lambda t, x: field(x), y, times, solver="rk4")[1][-1]
    return found


def adaptive_dopri5(y: Tensor, field: nn.Module) -> dict[str, Forward]:
    """One accepted step of each library's adaptive dopri5."""
    times = torch.tensor([0.0, 1.0], device=y.device)
    found: dict[str, Forward] = {}
    if diffeq := imported("torchdiffeq"):
        found["torchdiffeq dopri5, adaptive"] = lambda: diffeq.odeint(
            lambda t, x: field(x), y, times, method="dopri5", rtol=LOOSE, atol=LOOSE, options={"first_step": 1.0}
        )[-1]
    if ode := imported("torchode"):
        found["torchode dopri5, adaptive"] = torchode_step(ode, y, field)
    return found


def torchode_step(ode: Any, y: Tensor, field: nn.Module) -> Forward:
    """One step of torchode's dopri5, which wants a batch of vectors and a step size for each."""
    batch = len(y)
    term = ode.ODETerm(lambda t, x: field(x.view(y.shape)).flatten(1))
    method = ode.Dopri5(term=term)
    solver = ode.AutoDiffAdjoint(method, ode.IntegralController(atol=LOOSE, rtol=LOOSE, term=term)).to(y.device)
    ends = torch.tensor([[0.0, 1.0]], device=y.device).expand(batch, 2)
    first = torch.ones(batch, device=y.device)

    def forward() -> Tensor:
        problem = ode.InitialValueProblem(y0=y.flatten(1), t_eval=ends)
        result: Tensor = solver.solve(problem, dt0=first).ys[:, -1].view(y.shape)
        return result

    return forward
