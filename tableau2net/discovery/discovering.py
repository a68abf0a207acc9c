"""An equation from states: PDE-Net and PDE-Net 2.0 by any scheme on any kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from tableau2net.discovery.bias import defect, modified_coefficients, projected
from tableau2net.discovery.curriculum import Curriculum, FittedBlock, gauss_newton, steps_of, train
from tableau2net.discovery.differences import Differences, Order, name_of, orders_up_to
from tableau2net.discovery.discovery_plan import MAX_TERMS, DiscoveryPlan
from tableau2net.discovery.fields_found import Channels, Library, Polynomials, SymNets
from tableau2net.discovery.found import SMALL, Coefficient, Discovery, FoundEquation, number
from tableau2net.discovery.monomials import Monomial, evaluate, monomial_of, monomials, text_of_monomial
from tableau2net.discovery.observations import Observations
from tableau2net.discovery.pde_net import PDENet, SumOfTerms
from tableau2net.discovery.rollouts import roll_out
from tableau2net.discovery.sparse import alike, normal_equations, sparse
from tableau2net.discovery.step_limit import StepLimit, step_limit
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme

Said = Callable[[str], None]
SPARSE, MOMENTS = (0.005, 1e-3), (0.001, 1e-2)  # weight and bend of PDE-Net 2.0's penalties


class Method(Protocol):
    """How a right-hand side is found by one scheme."""

    def linear_truth(self) -> Mapping[Order, Tensor]:
        """The linear part that steps have to be stable for, with coefficients."""
        ...

    def fit(self, scheme: Scheme, said: Callable[[FittedBlock], None]) -> tuple[nn.Module, list[FittedBlock]]: ...

    def coefficients(self, field: nn.Module, scheme: Scheme) -> list[Coefficient]: ...


def discover(observations: Observations, plan: DiscoveryPlan, said: Said = lambda line: None) -> Discovery:
    """Fit a plan's equation through each of its schemes, on the same states with the same kernels.

    said: is told what is known before training, and what each block came to, in lines. Raises InputError where the plan
    does not fit the observations."""
    check_plan(observations, plan)
    schemes = plan.tables()
    method = METHODS[plan.equation](observations, plan)
    warnings = method.begin()
    for line in warnings:
        said(f"warning: {line}")
    truth = method.linear_truth()
    limits: list[StepLimit | None] = []
    for scheme in schemes:
        limit = step_limit(scheme, method.differences, truth, observations.dt)
        limits.append(limit)
        if limit is not None and limit.exceeded:
            warnings.append(f"{scheme.name}: {limit}: its steps are unstable with these kernels, whatever is found")
            said(f"warning: {warnings[-1]}")
    if plan.learns_kernels is not None and plan.learns_kernels < plan.derivatives:
        held = f"keep order {plan.keep_order}" if plan.learns_kernels else "keep nothing"
        warnings.append(
            f"kernels that {held} do not tell derivatives up to order {plan.derivatives} apart: a free moment of D_x "
            f"can carry what belongs to u_xx; write --kernels moment --keep-order {plan.derivatives}"
        )
        said(f"warning: {warnings[-1]}")
    found = []
    for scheme, limit in zip(schemes, limits, strict=True):
        begun = time.perf_counter()
        fitted, blocks = method.fit(scheme, lambda block, name=scheme.name: said(_line(name, block)))  # type: ignore[misc]
        seconds = time.perf_counter() - begun
        rows = method.coefficients(fitted, scheme)
        rollout = roll_out(scheme, fitted, observations.test, observations.dt)
        found.append(FoundEquation(scheme.name, fitted, tuple(rows), tuple(blocks), rollout, limit, seconds))
    return Discovery(observations, plan, tuple(found), tuple(warnings))


def check_plan(observations: Observations, plan: DiscoveryPlan) -> None:
    """Raises InputError where a plan does not fit the observations, whose states are not looked at."""
    for scheme in plan.tables():
        observations.windows(steps_of(scheme, max(plan.blocks)), plan.pairs)
    METHODS[plan.equation](observations, plan)


def _line(name: str, block: FittedBlock) -> str:
    kind = f"block {block.block}" if block.block else "warm-up"
    fit = f"loss {block.start:.2e} → {block.loss:.2e}"
    return f"{name}, {kind}: {fit}, {block.evaluations} evaluations, {block.seconds:.1f} s"


@dataclass
class _Method:
    observations: Observations
    plan: DiscoveryPlan

    def __post_init__(self) -> None:
        data, plan = self.observations, self.plan
        if plan.points > min(data.space):
            raise InputError(f"points {plan.points}: the grid has {min(data.space)} along an axis")
        self.orders = orders_up_to(plan.derivatives, len(data.h))
        self.differences = self.kernels(plan.learns_kernels, plan.upwind)

    def kernels(self, keep_order: int | None, upwind: int) -> Differences:
        """Kernels of all derivatives, the state itself first."""
        data = self.observations
        return Differences(self.orders, self.plan.points, data.h, data.boundary, keep_order, upwind)

    def begin(self) -> list[str]:
        """What is to be known of the states before a scheme is fitted: nothing. Gives warnings."""
        return []

    def curriculum(self, scaled: bool) -> Curriculum:
        return Curriculum(self.plan.blocks, self.plan.pairs, self.plan.iterations, scaled)

    def _rate(self) -> float:
        """The mean square of the rates."""
        u = self.observations.u
        return float(((u[:, 1] - u[:, 0]) / self.observations.dt).square().mean())

    def _clean(self) -> Tensor:
        """The states that steps are fitted from, without noise."""
        data = self.observations
        data = data if data.clean is None else replace(data, u=data.clean)
        return data.windows(1, self.plan.pairs)[:, 0]

    def true_terms(self) -> dict[str, dict[str, Tensor]] | None:
        """The truth: of each state the coefficients, numbers or maps, of its terms as a problem writes them."""
        problem = self.observations.problem
        if problem is None:
            return None
        at = self.observations.coordinates
        return {
            state: {term: c(*at) if callable(c) else number(c) for term, c in terms.items()}
            for state, terms in problem.terms.items()
        }

    def linear_truth(self) -> Mapping[Order, Tensor]:
        """The true coefficients of derivatives; of what is not known nothing. A speed that is a state counts as its
        largest value."""
        truth = self.true_terms() or {}
        by_name = {name_of("", order): order for order in self.orders[1:]}
        found: dict[Order, Tensor] = {}
        for state, terms in truth.items():
            for term, c in terms.items():
                *speeds, last = term.split()
                order = by_name.get("_" + last.partition("_")[2]) if last.startswith(f"{state}_") else None
                if order is not None and all(speed in self.observations.states for speed in speeds):
                    for speed in speeds:
                        c = c * self.observations.u[:, :, self.observations.states.index(speed)].abs().max()
                    found[order] = c
            break  # one state's equation is enough: the others have the same symbol here
        return found


class _Linear(_Method):
    """PDE-Net."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.observations.states) > 1:
            raise InputError(
                f"{self.observations.name}: {len(self.observations.states)} states; a linear equation is of one, write "
                "--equation library"
            )
        least = 2 * self.plan.mesh + 1
        if self.plan.mesh and min(self.observations.space) < least:
            raise InputError(f"mesh {self.plan.mesh}: needs {least} points along each axis, there are fewer")
        self.orders = self.orders[1:]
        self.differences = self.kernels(self.plan.learns_kernels, 0)

    def fit(self, scheme: Scheme, said: Callable[[FittedBlock], None]) -> tuple[nn.Module, list[FittedBlock]]:
        differences = self.kernels(self.plan.learns_kernels, 0)
        with torch.no_grad():
            terms = differences(self.observations.u[:, 0])
            scale = 1 / terms.std(dim=[n for n in range(terms.ndim) if n != 2]).clamp(min=1e-12)
        field = PDENet(differences, self.observations.space, self.plan.mesh, scale)
        return field, train(field, scheme, self.observations, self.curriculum(scaled=False), said=said)

    def coefficients(self, field: nn.Module, scheme: Scheme) -> list[Coefficient]:
        (state,) = self.observations.states
        maps = field.maps().detach()  # type: ignore[operator]
        maps = maps if self.plan.mesh else maps.flatten()
        with torch.no_grad():
            terms = self.differences(self.observations.u[:, 0])[:, 0]
        added = (terms * (maps if self.plan.mesh else maps.reshape(-1, *[1] * (terms.ndim - 2)))).square()
        shares = (added.transpose(0, 1).flatten(1).mean(1) / self._rate()).sqrt().tolist()
        truth = self.true_terms()
        known = None if truth is None else truth[state]
        predicted = None
        if known is not None:
            given = {order: known[name] for order in self.orders if (name := name_of(state, order)) in known}
            if given and len(given) == len(known):
                predicted = self.predicted(scheme, given)
        rows = []
        for order, value, share in zip(self.orders, maps, shares, strict=True):
            name = name_of(state, order)
            true = None if known is None else known.get(name, number(0.0))
            rows.append(Coefficient(state, name, value, true, predicted.get(order) if predicted else None, share))
        return rows

    def predicted(self, scheme: Scheme, truth: Mapping[Order, Tensor]) -> Mapping[Order, Tensor] | None:
        """The true coefficients as they appear through the scheme: what its step lacks of the flow, as these terms have
        it; of a scheme that looks back by its series."""
        states, dt = self._clean(), self.observations.dt
        missing = defect(scheme, SumOfTerms(self.differences, truth), states, dt)
        if missing is None:
            return modified_coefficients(scheme, truth, dt, self.plan.derivatives)
        with torch.no_grad():
            extra = projected(self.differences(states)[:, 0], missing[:, 0], at_each_point=self.plan.mesh > 0)
        return {order: truth.get(order, number(0.0)) + more for order, more in zip(self.orders, extra, strict=True)}


class _Polynomial(_Method):
    """What a library and SymNet share: channels, and rows of coefficients by their monomials."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.channels = Channels(self.differences, self.observations.states, self.plan.functions)
        self.central = Channels(self.kernels(None, 0), self.observations.states, self.plan.functions)

    def true_polynomials(self) -> dict[str, dict[Monomial, float]] | None:
        truth = self.true_terms()
        names = self.channels.names
        if truth is None:
            return None
        if any(c.ndim for terms in truth.values() for c in terms.values()):
            raise InputError(f"{self.observations.name}: its coefficients depend on the place; write --equation linear")
        if unknown := [
            word for terms in truth.values() for term in terms for word in term.split() if word not in names
        ]:
            raise InputError(
                f"{self.observations.name}: its equation has {unknown[0]}; raise --derivatives, or give --function "
                f"{unknown[0].partition('(')[0]} where it is one"
            )
        return {s: {monomial_of(t, names): float(c) for t, c in terms.items()} for s, terms in truth.items()}

    def coefficients(self, field: nn.Module, scheme: Scheme) -> list[Coefficient]:
        found = cast(Polynomials, field).polynomials(self.plan.degree)
        truth = self.true_polynomials()
        predicted = self.predicted(scheme, truth)
        with torch.no_grad():
            values = self.central(self.observations.u[:, 0])
        rows = []
        for state, polynomial in zip(self.observations.states, found, strict=True):
            known = None if truth is None else truth[state]
            for term in sorted({*polynomial, *(known or ())}, key=lambda t: (len(t), t)):
                c, text = polynomial.get(term, 0.0), text_of_monomial(term, self.channels.names)
                true = None if known is None else number(known.get(term, 0.0))
                expected = None if predicted is None else predicted[state].get(term)
                share = abs(c) * float((evaluate(term, values).square().mean() / self._rate()).sqrt())
                if share >= SMALL or (true is not None and true.any()):
                    rows.append(Coefficient(state, text, number(c), true, expected, share))
        return rows

    def predicted(
        self, scheme: Scheme, truth: Mapping[str, Mapping[Monomial, float]] | None
    ) -> dict[str, dict[Monomial, Tensor]] | None:
        """The true coefficients as they appear through the scheme: what its step lacks of the flow, as these terms
        have it."""
        if truth is None:
            return None
        states = self._clean()
        supports = [list(truth[s]) for s in self.observations.states]
        coefficients = torch.tensor([c for s in self.observations.states for c in truth[s].values()])
        missing = defect(scheme, Library(self.central, supports, coefficients.double()), states, self.observations.dt)
        if missing is None:
            return None
        with torch.no_grad():
            values = self.central(states)
        found = {}
        for s, (state, terms) in enumerate(zip(self.observations.states, supports, strict=True)):
            table = torch.stack([evaluate(term, values) for term in terms], 1)
            extra = projected(table, missing[:, s], at_each_point=False)
            found[state] = {term: c + truth[state][term] for term, c in zip(terms, extra, strict=True)}
        return found


class _Library(_Polynomial):
    """A sparse polynomial: least squares for its terms, the steps themselves for its coefficients."""

    def __post_init__(self) -> None:
        super().__post_init__()
        terms = monomials(len(self.channels.names), self.plan.degree)
        if len(terms) > MAX_TERMS:
            raise InputError(
                f"degree {self.plan.degree}: {len(terms):,} terms, at most {MAX_TERMS:,}; lower it, or --derivatives"
            )
        self.true_polynomials()
        self.terms = terms

    def begin(self) -> list[str]:
        """The terms, by least squares on all of them."""
        data, terms = self.observations, self.terms
        normal = normal_equations(self.central, terms, data.windows(data.u.shape[1] - 1, len(data.u)), data.dt)
        self.kept = [sparse(normal, s, self.plan.threshold) for s in range(len(data.states))]
        self.support = [[terms[n] for n in kept] for kept, _ in self.kept]
        if not any(self.support):
            raise InputError(
                f"{data.name}: no term explains a share of {self.plan.threshold:g} of the rates; lower --threshold"
            )
        groups = alike(normal, sorted({n for kept, _ in self.kept for n in kept}))
        if not groups:
            return []
        text = "; ".join(" and ".join(text_of_monomial(terms[n], self.channels.names) for n in g) for g in groups[:3])
        more = f"; and {len(groups) - 3} more" if len(groups) > 3 else ""
        return [
            f"terms that these data do not tell apart: {text}{more}: how much of a rate is whose is arbitrary; leave a "
            "state out, or give data that differ"
        ]

    def fit(self, scheme: Scheme, said: Callable[[FittedBlock], None]) -> tuple[nn.Module, list[FittedBlock]]:
        channels = Channels(
            self.kernels(self.plan.learns_kernels, self.plan.upwind), self.observations.states, self.plan.functions
        )
        field = Library(channels, self.support, torch.cat([values for _, values in self.kept]))
        blocks = []
        for block in (b for b in self.plan.blocks if b):
            blocks.append(gauss_newton(field, field.coefficients, scheme, self.observations, block, self.plan.pairs))
            said(blocks[-1])
        if self.plan.learns_kernels is not None:
            blocks += train(field, scheme, self.observations, self.curriculum(scaled=True), said=said)
        return field, blocks


class _SymNet(_Polynomial):
    """PDE-Net 2.0."""

    def fit(self, scheme: Scheme, said: Callable[[FittedBlock], None]) -> tuple[nn.Module, list[FittedBlock]]:
        generator = torch.Generator().manual_seed(self.plan.seed)
        channels = Channels(self.kernels(self.plan.learns_kernels, self.plan.upwind), self.observations.states)
        field = SymNets(channels, len(self.observations.states), generator, self.plan.symbols)

        def penalty() -> Tensor:
            total = SPARSE[0] * sum((huber(p, SPARSE[1]) for p in field.nets.parameters()), number(0.0))
            learnt = channels.differences.learnt
            return total if learnt is None else total + MOMENTS[0] * huber(learnt, MOMENTS[1])

        return field, train(field, scheme, self.observations, self.curriculum(scaled=True), penalty, said)


def huber(values: Tensor, bend: float) -> Tensor:
    """Σ x²/2s below s, |x| − s/2 beyond: PDE-Net 2.0's penalty."""
    size = values.abs()
    return torch.where(size < bend, size.square() / (2 * bend), size - bend / 2).sum()


METHODS: dict[str, type[_Linear | _Library | _SymNet]] = {"linear": _Linear, "library": _Library, "symnet": _SymNet}
