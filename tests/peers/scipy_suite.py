"""scipy's own tests of solve_ivp, run against `integrate`: python -m tests.peers.scipy_suite CHECKOUT [NAME …]

CHECKOUT is a clone of github.com/scipy/scipy, of which scipy/integrate/_ivp/tests/test_ivp.py is read. Its solve_ivp is
ours here, with the arguments that have a meaning for `integrate`. Prints each test that passes or fails; those of
scipy's classes, Jacobians given, several events, and dense output objects, are not asked."""

import argparse
import inspect
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.integration.method_names import SCIPY

ASKED = (
    *(
        "test_integration_complex_sparse",
        "test_integration_stiff",
        "test_integration_zero_rhs",
        "test_no_integration",
        "test_t_eval",
        "test_max_step",
    ),
    *("test_first_step", "test_array_rtol", "test_empty", "test_zero_interval"),
    *("test_tbound_respected_small_interval", "test_tbound_respected_larger_interval"),
    "test_tbound_respected_oscillator",
)


def solve_ivp(fun, t_span, y0, method="RK45", t_eval=None, args=(), rtol=1e-3, atol=1e-6, **options):
    """scipy's, as far as it goes."""
    t0, t1 = map(float, t_span)
    kind = complex if np.iscomplexobj(y0) else float

    def field(t, y):
        return torch.tensor(np.asarray(fun(t, y.numpy(), *args), dtype=kind).reshape(y.shape))

    y0 = torch.tensor(np.asarray(y0, dtype=kind))
    how = {"rtol": rtol, "atol": atol} | {k: options[k] for k in ("first_step", "max_step") if options.get(k)}
    if how.get("max_step") == np.inf:
        del how["max_step"]
    scheme = SCIPY[method if isinstance(method, str) else method.__name__]
    found = t2n.integrate(scheme, field, y0, t0, t1, full=True, **how)
    times = list(found.grid) if t_eval is None else list(t_eval)
    values = t2n.integrate(scheme, field, y0, t0, t1, at=times, **how) if times else y0[None][:0]

    def at(t):
        """The solution at any times, which scipy keeps and we integrate for."""
        wanted = sorted({float(x) for x in np.ravel(t)}, reverse=t1 < t0)
        y = t2n.integrate(scheme, field, y0, t0, t1, at=wanted, **how) if t0 != t1 else y0.expand(len(wanted), -1)
        known = dict(zip(wanted, y.numpy(), strict=True))
        found = np.stack([known[float(x)] for x in np.ravel(t)], -1)
        return found if np.ndim(t) else found[:, 0]

    told = {"nfev": found.evaluations, "njev": 0, "nlu": 0, "t_events": None, "y_events": None, "sol": at}
    return types.SimpleNamespace(
        t=np.array(times), y=values.numpy().T, success=True, status=0, message="arrived", **told
    )


def cases(test):
    """What parametrize gives a test."""
    marks = [m for m in getattr(test, "pytestmark", ()) if m.name == "parametrize"]
    if not marks:
        return [{}]
    return [{marks[0].args[0]: value} for value in marks[0].args[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    file = given.checkout / "scipy" / "integrate" / "_ivp" / "tests" / "test_ivp.py"
    if not file.is_file():
        print(f"{file}: there is none; clone github.com/scipy/scipy", file=sys.stderr)
        return 2
    module = types.ModuleType("test_ivp")
    exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
    module.solve_ivp = solve_ivp
    warnings.simplefilter("ignore")
    failed = total = 0
    for name in given.names or ASKED:
        test = getattr(module, name)
        for case in cases(test):
            if "num_parallel_threads" in inspect.signature(test).parameters:
                case["num_parallel_threads"] = 1
            total += 1
            try:
                test(**case)
                print(f"{name} {case}: passes")
            except (Exception, pytest.fail.Exception) as error:
                failed += 1
                line = " ".join(str(error).split())[:150]
                print(f"{name} {case}: {type(error).__name__}: {line}")
    print(f"{total - failed} of {total} cases pass")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
