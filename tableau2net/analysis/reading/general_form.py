"""The step program read as one linear system, the form in which step-size conditions for monotonicity are stated:

    Y_i = Σ_j s_ij x_j + h Σ_j t_ij f(Y_j)

(Spijker 2007, SIAM J. Numer. Anal. 45, eq. 1.5). x are the states known when the step begins, Y the states the field is
evaluated at, known ones among them, and the states handed on. Runge–Kutta, multistep and general linear methods all
have it; several fields, several components or a second derivative do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.step import Input, Step
from tableau2net.step.forms import Form, Row, forms, nonzero


@dataclass(frozen=True)
class GeneralForm:
    """S and T by sparse rows over an exact domain; `results`: the rows that are handed on."""

    domain: Domain
    known: tuple[str, ...]  # what the columns of S stand for
    S: tuple[Row, ...]
    T: tuple[Row, ...]
    times: tuple[Element | None, ...]  # when the field is evaluated there; None where it is not
    results: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many states Y there are."""
        return len(self.T)

    def starts_from_states(self, tolerance: float = 0.0) -> bool:
        """Whether Σ_j s_ij = 1 in every row: with f = 0 each state is a mean of known ones (preconsistency).

        A tolerance is for coefficients that a source printed in decimals."""
        one = self.domain.one
        offs = [sum(row.values(), self.domain.zero) - one for row in self.S]
        return all(not off or (tolerance and abs(float(self.domain.expression(off))) <= tolerance) for off in offs)


def general_form(step: Step) -> GeneralForm | None:
    """The general form of a step program; None where it has none. Open parameters are not allowed for."""
    if not step.plain or step.derivative != 1 or step.parts > 1:
        return None
    if any(i.component or i.nordsieck is not None for i in step.inputs):
        return None
    domain = domain_of(step.coefficients())
    try:
        known = forms(step.flat(), domain)
    except InputError:  # states define each other without an evaluation
        return None
    return _Reading(step, domain, known).form()


class _Reading:
    def __init__(self, step: Step, domain: Domain, forms: Mapping[str, Form]) -> None:
        self.step, self.domain, self.forms = step, domain, forms
        self.evaluations = {op.target: op for op in step.calls}
        self.inputs = {i.name: i for i in step.inputs}
        # a remembered field value belongs to a known state, which may itself not be remembered
        self.fields = {i.name: self._state_of(i) for i in step.inputs if i.kind == "f"}
        states = [i.name for i in step.inputs if i.kind == "y"]
        self.known = tuple(dict.fromkeys([*states, *self.fields.values()]))
        self.columns = {name: j for j, name in enumerate([*self.fields, *self.evaluations])}

    def _state_of(self, field: Input) -> str:
        if field.stage is None:
            for i in self.step.inputs:
                if i.kind == "y" and i.age == field.age:
                    return i.name
        return f"state of {field.name}"

    def form(self) -> GeneralForm:
        read = [self._row(state) for state in self.fields.values()]
        read += [self._row(op.value) for op in self.evaluations.values()]
        times = [self.domain.rational(-self.inputs[name].age, 1) for name in self.fields]
        times += [self.domain.convert(op.time) for op in self.evaluations.values()]
        row_of = {op.value: self.columns[op.target] for op in self.evaluations.values()}
        results = []
        for name in self.step.outputs:
            if name in self.evaluations:
                results.append(self.columns[name])
            elif name in row_of:
                results.append(row_of[name])
            elif name not in self.inputs:
                row_of[name] = len(read)
                results.append(len(read))
                read.append(self._row(name))
                times.append(None)
        S, T = zip(*read, strict=True) if read else ((), ())
        return GeneralForm(self.domain, self.known, S, T, tuple(times), tuple(dict.fromkeys(results)))

    def _row(self, name: str) -> tuple[Row, Row]:
        """A state by known states and by field values."""
        form = nonzero(self.forms.get(name, {name: self.domain.one}))
        known = {self.known.index(atom): x for atom, x in form.items() if atom not in self.columns}
        return known, {self.columns[atom]: x for atom, x in form.items() if atom in self.columns}


def irreducible(form: GeneralForm) -> GeneralForm:
    """The form without states that do not influence what is handed on, and with states that are equal for every f
    made one (Dahlquist–Jeltsch and Hundsdorfer–Spijker: the step-size coefficient is that of this form)."""
    while True:
        smaller = _merged(_influential(form))
        if smaller.size == form.size:
            return smaller
        form = smaller


def _influential(form: GeneralForm) -> GeneralForm:
    kept = influential(form.T, form.results)
    index = {old: new for new, old in enumerate(kept)}
    return replace(
        form,
        S=tuple(form.S[i] for i in kept),
        T=tuple({index[j]: x for j, x in form.T[i].items()} for i in kept),
        times=tuple(form.times[i] for i in kept),
        results=tuple(index[i] for i in form.results),
    )


def _merged(form: GeneralForm) -> GeneralForm:
    keys = [(frozenset(S.items()), time) for S, time in zip(form.S, form.times, strict=True)]
    classes = coarsest_partition([(row,) for row in form.T], keys)
    of = class_of(classes)
    return replace(
        form,
        S=tuple(form.S[members[0]] for members in classes),
        T=tuple(class_sums(form.T[members[0]], of) for members in classes),
        times=tuple(form.times[members[0]] for members in classes),
        results=tuple(dict.fromkeys(of[i] for i in form.results)),
    )


def influential(T: tuple[Row, ...], results: tuple[int, ...]) -> list[int]:
    """The rows that the results depend on, themselves included, in order (HW II, IV.12, Definition 12.15)."""
    found, waiting = set(results), list(results)
    while waiting:
        for j in T[waiting.pop()]:
            if j not in found:
                found.add(j)
                waiting.append(j)
    return sorted(found)


def coarsest_partition(rows: Sequence[tuple[Row, ...]], keys: Sequence[Hashable]) -> list[list[int]]:
    """The coarsest partition of the columns 0, 1, … into classes with equal key in which, for any two members of one
    class, the sums of their rows over each class are equal (Hundsdorfer & Spijker 1981; HW II, IV.12, Def. 12.17).

    rows[i]: the rows that column i stands for, one where a field reads one state.
    By refinement: begin with equal keys and split by the sums until nothing splits, so that classes of any size are
    found."""
    classes = _grouped(keys)
    while True:
        of = class_of(classes)
        sums = [tuple(frozenset(class_sums(row, of).items()) for row in mine) for mine in rows]
        finer = _grouped([(of[i], mine) for i, mine in enumerate(sums)])
        if len(finer) == len(classes):
            return classes
        classes = finer


def class_of(classes: list[list[int]]) -> dict[int, int]:
    """The number of the class of each member."""
    return {i: number for number, members in enumerate(classes) for i in members}


def _grouped(keys: Sequence[Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        groups[key].append(i)
    return list(groups.values())


def class_sums(row: Row, of: dict[int, int]) -> Row:
    """The sums of a row over the classes, `of[j]` being the class of column j; zeros left out."""
    sums: Row = {}
    for j, x in row.items():
        sums[of[j]] = sums[of[j]] + x if of[j] in sums else x
    return {number: x for number, x in sums.items() if x}


def row_times(row: Row, matrix: tuple[Row, ...]) -> Row:
    """row · matrix, by sparse rows."""
    product: Row = {}
    for i, x in row.items():
        for j, y in matrix[i].items():
            product[j] = product[j] + x * y if j in product else x * y
    return {j: x for j, x in product.items() if x}
