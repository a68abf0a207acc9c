"""Every public function of a table takes what `load` takes in its place: a name, or the path of a file."""

import inspect

import pytest

import tableau2net as t2n
from tableau2net import analysis
from tableau2net.errors import InputError
from tableau2net.scheme import Stencil, load
from tableau2net.scheme.saved import dumps

OF_TABLES = ("Scheme", "CoefficientTable", "Stencil", "RungeKutta")
STATIC = ("create_model", "train", "optimal_stability_polynomial", "register_scheme_family")  # of other things by name
PUBLIC = {
    name: function
    for module in (t2n, analysis)
    for name in module.__all__
    if callable(function := getattr(module, name)) and not inspect.isclass(function) and name not in STATIC
}
TAKING = {
    name: parameters
    for name, function in PUBLIC.items()
    if (parameters := list(inspect.signature(function).parameters.values()))
    and any(kind in str(parameters[0].annotation).split("Sequence")[0] for kind in OF_TABLES)
}
NAMES = {"optimise": "rk2", "solve_order": "rk2", "additive_ssp": "ars-222", "ssp_region": "ars-222"}
NAMES |= dict.fromkeys(("linear_moments", "strong_order", "weak_order"), "sriw1")
FURTHER = {
    "additive_ssp": ((1, 1),),
    "cfl": ("central-1-2",),
    "linear_moments": ([["-1"]], [[["1/2"]]], ["1"], "1/4"),
    "limit_of_terms": ([(1, "central-2-2", 1)],),
    "modified_symbol": ("upwind-1",),
    "moments": (2,),
    "optimise": ("principal-error-norm",),
    "phase_series": (2,),
    "positivity_limit": ("upwind-1",),
    "ssp_region": (3,),
    "solve_order": (3,),
}
OTHERS = {
    "compile",
    "compile_stochastic",
    "convert",
    "energy_drift",
    "integrate",
    "sdeint",
}  # their own tests call them by names


def _name(name):
    stencil = "Stencil" in str(TAKING[name][0].annotation) and "Scheme" not in str(TAKING[name][0].annotation)
    return NAMES.get(name, "central-1-2" if stencil else "heun-euler-21")


def test_the_functions_are_found():
    assert {"report", "check", "zero_stable", "adjoint", "ssp", "moments", "reduced", "stage_graph"} <= {*TAKING}


@pytest.mark.parametrize("name", sorted({*TAKING} - OTHERS))
def test_what_is_no_table_is_refused_in_a_line(name):
    further = [x for x in TAKING[name][1:] if x.default is x.empty and x.kind is x.POSITIONAL_OR_KEYWORD]
    for strange in (3.5, None, "no-such-scheme", "no/such/file.toml"):
        with pytest.raises(InputError) as caught:
            PUBLIC[name](strange, *FURTHER.get(name, (None,) * len(further)))
        assert "\n" not in str(caught.value)
    if TAKING[name][0].annotation == "Scheme":
        with pytest.raises(InputError, match="is a stencil, where a scheme is needed"):
            PUBLIC[name](load("central-1-2", Stencil), *FURTHER.get(name, ()))


@pytest.mark.parametrize("name", sorted({*TAKING} - OTHERS - {"optimise", "repairs", "solve_order"}))
def test_a_name_is_the_table(name):
    function, further = PUBLIC[name], FURTHER.get(name, ())
    given = load(_name(name))
    assert str(function(_name(name), *further)) == str(function(given, *further))
    assert str(function(**{TAKING[name][0].name: _name(name)}, **_named(name))) == str(function(given, *further))


def _named(name):
    return dict(zip((x.name for x in TAKING[name][1:]), FURTHER.get(name, ()), strict=False))


OTHER_BASES = {
    "exact_series": (3,),
    "generate_imex_multistep": (2, 2),
    "generate_multistep": (2, 2),
    "generate_runge_kutta": (2, 2),
    "optimal_stability_polynomial": ("real", 2),
    "order_conditions_of": ("runge-kutta", 3),
    "trees": (3,),
}
NUMBERS = ("int", "float", "int | None", "float | None")
ASKED = [
    (name, i)
    for name in sorted({*TAKING, *OTHER_BASES} - OTHERS)
    for i, p in enumerate(inspect.signature(PUBLIC.get(name, getattr(analysis, name, None))).parameters.values())
    if p.annotation in NUMBERS
]


@pytest.mark.parametrize(("name", "place"), ASKED)
def test_what_is_no_number_is_refused_in_a_line(name, place):
    function = getattr(analysis, name, None) or getattr(t2n, name)
    parameter = list(inspect.signature(function).parameters.values())[place]
    given = list(OTHER_BASES.get(name) or (_name(name), *FURTHER.get(name, ())))
    for strange in ("x", "3", True, [1], *([2.5] if "int" in parameter.annotation else [])):
        if place < len(given):
            call, named = [*given[:place], strange, *given[place + 1 :]], {}
        else:
            call, named = given, {parameter.name: strange}
        with pytest.raises(InputError, match=parameter.name):
            function(*call, **named)


SERIES, CONDITIONS = t2n.bseries("rk3", 4), t2n.order_conditions_of("runge-kutta", 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SERIES[5],
        lambda: SERIES[None],
        lambda: SERIES[[None]],
        lambda: SERIES.truncate("x"),
        lambda: SERIES.evaluate(5, 3),
        lambda: SERIES.evaluate([5], 3),
        lambda: t2n.BSeries.of(5, 3),
        lambda: t2n.RootedTree((1, 2), 5),
        lambda: CONDITIONS.equations("x"),
        lambda: t2n.order_conditions_of("partitioned-runge-kutta", 3, reads=5),
        lambda: t2n.optimise("rk2", "principal-error-norm", bounds={"alpha": 0.5}),
        lambda: t2n.optimise("rk2", "principal-error-norm", bounds={"alpha": ("a", 1)}),
        lambda: t2n.optimise("rk2", "principal-error-norm", bounds=3),
        lambda: t2n.repairs("rk4", order="x"),
        lambda: analysis.step_control("heun-euler-21", "I"),
        lambda: analysis.step_control("heun-euler-21", ["I"]),
    ],
)
def test_other_things_are_refused_in_a_line(call):
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_empty_tree_is_written_in_several_ways():
    assert SERIES["∅"] == SERIES[()] == SERIES[[]] == 1


def test_a_path_is_the_table(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(dumps(load("rk4")), encoding="utf-8")
    assert t2n.check(path) == t2n.check(str(path)) == t2n.check("rk4")
    assert t2n.check(path).ok
