"""Whether a multistep method can be turned round: from a solution on a grid to the f that it solves."""

from __future__ import annotations

from tableau2net.analysis.stability.unit_disk import root_condition
from tableau2net.analysis.stability.zero_stability import characteristic
from tableau2net.scheme import Scheme, by_name


@by_name(Scheme)
def discovery_stable(scheme: Scheme) -> bool | None:
    """Whether f is found stably from y by a linear multistep method; exact, open parameters at their declared values.

    With y known on a grid, Σ β_j f_{n+j} = Σ α_j y_{n+j}/h is a recursion for f, so that the root condition is asked of
    σ(z) = Σ β_j z^j in the place of ρ: errors of the data and of the first values stay bounded where the roots of σ lie
    in the closed unit disk, those on the circle simple. By it Adams–Bashforth is stable to 6 steps, Adams–Moulton of 1
    step alone, BDF always (Keller, Du 2021, SIAM J. Numer. Anal.; arXiv 1912.12728). Of y'' = f too, where h² stands.

    None for schemes that are no such formula, and for several fields, which one equation a step does not tell apart.
    """
    method = (scheme.at_defaults() if scheme.parameters else scheme).formula()
    if method is None or len(method.betas) > 1:
        return None
    sigma = characteristic(method.betas[0])
    return not sigma.is_zero and root_condition(sigma)
