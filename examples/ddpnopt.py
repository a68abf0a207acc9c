"""Differential dynamic programming, of a control problem and of a network's weights.

By Bellman's principle from the last step to the first, with the value's gradient and curvature, V_y and V_yy,

    Q(δy, δu) = L_n + V(Φ_n(y + δy, u + δu)),    δu = k + K δy,  k = −Q_uu⁻¹ Q_u,  K = −Q_uu⁻¹ Q_uy,

then forward, where K answers to how far the states have moved. Where dynamics are linear and costs quadratic, one sweep
is Riccati's solution. Of a network the controls are its weights: DDPNOpt (Liu, Chen, Theodorou 2021) takes the
optimiser's curvature for Q_uu and one of rank one for V_yy; without Q_uy it is that optimiser.

python examples/ddpnopt.py [DATA]      (DATA: see msa.py)
"""

import sys
from collections.abc import Callable, Sequence

import torch
from msa import Network, Piece, digits, right, set_gradients, swept
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian

import tableau2net as t2n

Cost = Callable[[Tensor, Tensor], Tensor]  # of a state and a control
Gain = tuple[Tensor, Tensor]  # k and K


class Driven(nn.Module):
    """f(y) under a control that is held through the step."""

    def __init__(self, field: Callable[[Tensor, Tensor], Tensor], control: Tensor) -> None:
        super().__init__()
        self.field, self.control = field, nn.Parameter(control)

    def forward(self, y: Tensor) -> Tensor:
        return self.field(y, self.control)


class Problem:
    """min Σ L(y_n, u_n) + ℓ(y_N), where y_{n+1} is a step of a scheme of one state; exact second derivatives."""

    def __init__(self, scheme: str, field: Callable[[Tensor, Tensor], Tensor], controls: Tensor, h: float) -> None:
        self.block = t2n.compile(scheme)([Driven(field, u) for u in controls], h)
        self.steps = [self.block.part(n, n + 1) for n in range(len(controls))]

    def step(self, n: int, y: Tensor, u: Tensor) -> Tensor:
        """Φ_n(y, u)."""
        found: Tensor = functional_call(self.steps[n], {"fields.0.control": u}, (y,))
        return found

    def controls(self) -> Tensor:
        """u_0, u_1, …"""
        return torch.stack([field.control.detach() for field in self.block.fields])

    def sweep(self, y: Tensor, running: Cost, end: Callable[[Tensor], Tensor]) -> list[Gain]:
        """k_n and K_n, along the trajectory from y."""
        states, controls = [s.detach() for s in self.block.trajectory(y)], self.controls()
        slope, curvature = grad(end)(states[-1]), hessian(end)(states[-1])
        gains, d = [], len(y)
        for n in reversed(range(len(controls))):

            def value(z: Tensor, n: int = n, slope: Tensor = slope, curvature: Tensor = curvature) -> Tensor:
                moved = self.step(n, z[:d], z[d:]) - states[n + 1]
                return running(z[:d], z[d:]) + slope @ moved + moved @ curvature @ moved / 2

            z = torch.cat((states[n], controls[n]))
            q, Q = grad(value)(z), hessian(value)(z)
            k, K = -torch.linalg.solve(Q[d:, d:], q[d:]), -torch.linalg.solve(Q[d:, d:], Q[d:, :d])
            slope, curvature = q[:d] + K.T @ q[d:], Q[:d, :d] + K.T @ Q[d:, :d]
            gains.insert(0, (k, K))
        return gains

    @torch.no_grad()
    def follow(self, y: Tensor, gains: Sequence[Gain], share: float = 1.0) -> None:
        """u_n ← u_n + share k_n + K_n δy_n, forward."""
        for field, step, old, (k, K) in zip(
            self.block.fields, self.steps, self.block.trajectory(y), gains, strict=False
        ):
            field.control += share * k + K @ (y - old)
            y = step(y)

    @torch.no_grad()
    def cost(self, y: Tensor, running: Cost, end: Callable[[Tensor], Tensor]) -> float:
        """Σ L + ℓ."""
        states = self.block.trajectory(y)
        along = sum(running(s, u).item() for s, u in zip(states, self.controls(), strict=False))
        return along + end(states[-1]).item()


def pendulum(y: Tensor, u: Tensor) -> Tensor:
    """Angle and speed, and a torque."""
    return torch.stack((y[1], -torch.sin(y[0]) + u[0]))


def swing(sweeps: int, steps: int = 30) -> list[float]:
    """The cost of bringing a pendulum to rest, after each sweep; a sweep that does not lower it is taken in part."""

    def running(y: Tensor, u: Tensor) -> Tensor:
        return 0.05 * (y @ y) + 0.01 * (u @ u)

    def end(y: Tensor) -> Tensor:
        return 5 * (y @ y)

    problem, y = (
        Problem("rk4", pendulum, torch.zeros(steps, 1, dtype=torch.float64), 0.1),
        torch.tensor([2.0, 0.0]).double(),
    )
    costs = [problem.cost(y, running, end)]
    for _ in range(sweeps):
        before, gains, share = problem.block.state_dict(), problem.sweep(y, running, end), 1.0
        before = {name: value.clone() for name, value in before.items()}
        while True:
            problem.follow(y, gains, share)
            found = problem.cost(y, running, end)
            if found <= costs[-1] or share < 1e-3:
                break
            problem.block.load_state_dict(before)
            share /= 2
        costs.append(found)
    return costs


# ---------------------------------------------------------------------------------------------- a network's weights


def inverse_curvature(optimiser: torch.optim.Optimizer, weight: Tensor, slope: Tensor) -> Tensor:
    """1/Q_uu as the optimiser has it in a step with this gradient: its rate, of RMSprop by the root mean square."""
    (group,) = optimiser.param_groups
    if isinstance(optimiser, torch.optim.RMSprop):
        before = optimiser.state[weight].get("square_avg", torch.zeros_like(slope))
        square = group["alpha"] * before + (1 - group["alpha"]) * slope.square()
        rate: Tensor = group["lr"] / (square.sqrt() + group["eps"])
        return rate
    if isinstance(optimiser, torch.optim.SGD) and not group["momentum"]:
        return torch.full_like(slope, group["lr"])
    raise t2n.InputError(f"{type(optimiser).__name__}: its curvature is not known here; take SGD or RMSprop")


def update(net: Network, optimiser: torch.optim.Optimizer, x: Tensor, labels: Tensor, feedback: bool) -> float:
    """One step of the optimiser, or with feedback one of DDPNOpt. Returns the loss before.

    The state is that of the whole batch. V_y = c λ and V_yy = c λλᵀ, with c = 1 at the loss and λ the costate; with
    q = (∂Φ/∂θ)ᵀ λ_{n+1}, the gradient, Q_u = c q and Q_uy = c q λ_nᵀ for c = c_{n+1}, and both lose the same share of a
    step, c_n = c (1 − c qᵀ Q_uu⁻¹ q). So k + K δy = −c Q_uu⁻¹ q (1 + λ_nᵀ δy)."""
    pieces, loss = swept(net, x, labels)
    set_gradients(pieces)
    changes: list[list[Tensor]] = []
    factor = torch.ones(())
    for piece in reversed(pieces) if feedback else ():
        weights, shrink = list(piece.step.parameters()), torch.zeros(())
        changes.insert(0, [])
        for p in weights:
            slope, p.grad = p.grad, factor * p.grad
            rate = inverse_curvature(optimiser, p, p.grad)
            shrink = shrink + (rate * slope.square()).sum()
            changes[0].append(-rate * p.grad)
        factor = (factor * (1 - factor * shrink)).clamp(min=0)  # else too high a rate would turn the gradient round
    optimiser.step()
    feed_back(pieces, changes, x)
    return loss.item()


@torch.no_grad()
def feed_back(pieces: Sequence[Piece], changes: Sequence[Sequence[Tensor]], x: Tensor) -> None:
    """θ_n ← θ_n + K δy_n, from the first step to the last."""
    y = x
    for piece, steps in zip(pieces, changes, strict=False):
        if piece.costate is not None:
            moved = (piece.costate * (y - piece.y)).sum()
            for p, change in zip(piece.step.parameters(), steps, strict=True):
                p += moved * change
        y = piece.step(y)


def main(
    data: str = "mnist", width: int = 32, steps: int = 3, batches: int = 120, batch: int = 100, sweeps: int = 6
) -> None:
    costs = swing(sweeps)
    print(f"pendulum: costs {', '.join(f'{cost:.4f}' for cost in costs)}")
    x, y, unseen, labels = digits(data)
    runs = [(torch.optim.SGD, rate) for rate in (0.1, 1.0)] + [(torch.optim.RMSprop, rate) for rate in (1e-3, 1e-2)]
    for make, rate in runs:
        for feedback in (False, True):
            torch.manual_seed(0)
            net = Network(x.shape[1], width, steps)
            optimiser = make(net.parameters(), lr=rate)
            losses = []
            for _ in range(batches):
                some = torch.randint(len(x), (min(batch, len(x)),))
                losses.append(update(net, optimiser, x[some], y[some], feedback))
            last = sum(losses[-10:]) / len(losses[-10:])
            how = f"{make.__name__} at {rate:g} {'with feedback' if feedback else 'by itself'}"
            print(f"{how}: loss {losses[0]:.2f} → {last:.3f}, {right(net, unseen, labels):.1%} right")


if __name__ == "__main__":
    main(*sys.argv[1:])
