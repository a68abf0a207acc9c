"""The readers of the sweep: each on a small text of its source's form, right and wrong; nothing is passed over."""

import os
from fractions import Fraction
from pathlib import Path

import pytest
from sympy import Rational, sqrt

from tableau2net.errors import InputError
from tests.errata import sweep
from tests.errata.arithmetic import decimals, number
from tests.errata.checkout import Checkout, checkout_of
from tests.errata.table import Finding, Unread

CHECKOUTS = os.environ.get("TABLEAU2NET_CHECKOUTS")

JULIA = """
function constructGood(T::Type = Float64)
    t = sqrt(convert(T, 4))
    A = zeros(T, 4, 4)
    c = zeros(T, 4)
    c[2] = convert(T, big".5"); # a comment
    c[3:4] = [1 // 2; 1]
    A[2, 1] = 1 // t
    A[3, 1:2] = [0; 1 // 2]
    A[4, 3] = (3 - t) *
        1
    α = [1 // 6; 1 // 3; 1 // 3;
        1 // 6]
    αEEst = [
        1 // 6,
        1 // 3, 1 // 3,
        1 // 6,
    ]
    A = map(T, A)
    return (ExplicitRKTableau(A, c, α, 4; αEEst, adaptiveorder = 4, stability_size = 2.785293563405282))
end

function constructNodes(T::Type = Float64)
    A = [
        0 0
        1 0
    ]
    c = [0; 2]
    α = [1 // 2; 1 // 2]
    return ExplicitRKTableau(A, c, α, 2)
end

function constructLost(T::Type = Float64)
    A = zeros(T, 2, 2)
    A[2, 1] .= 1
    c = [0; 1]
    α = [1 // 2; 1 // 2]
    return ExplicitRKTableau(A, c, α, 2)
end
"""
RUNGEKUTTA = """
function TableauGood(::Type{T}=Float64) where {T}
    fac = @big 1/2 / √3
    a = @big [[ 1/2+fac  0       ]
              [  -2*fac  1/2+fac ]]
    b = @big  [ 1/2,     1/2     ]
    c = @big  [ 1/2+fac, 1/2-fac ]
    o = 3

    Tableau{T}(:Good, o, a, b, c)
end
"""
RKM = """
function Good(precision::Type{T} = Float64) where T <: AbstractFloat
    s = sqrt(BigFloat(3))
    x = 1//2 + cos(pi/BigFloat(18))/s
    name = :Good_4
    butcher = SMatrix{4, 4, precision, 16}(
        x, x, 0, 0,
        1//2, 1//2-x, x, 0,
        1-x, 2x, 1-4x, x,
        1, 1/(6(1-2x)^2), 1-1/(3(1-2x)^2), 1/(6(1-2x)^2)
    ) |> transpose
    return RungeKutta(name, butcher, iteration, reconstructor)
end

function Pair(precision::Type{T} = Float64) where T <: AbstractFloat
    name = :Pair_2_2
    butcher = SMatrix{4, 3, precision, 12}(
       [0 0 0
        1 1 0
        1 1//2 1//2
        1 1 0]
    )
    return RungeKutta(name, butcher, iteration, reconstructor)
end
"""
C = """
void getButcherTableau_GOOD(BUTCHER_TABLEAU* tableau)
{
  if (tableau->richardson) {
    tableau->nStages = 1;
    tableau->order_b = 1;
    const double c[] = {0.0};
    const double A[] = {0.0};
    const double b[] = {1.0};
    const double* bt = NULL;
    setButcherTableau(tableau, c, A, b, bt);
  } else {
    tableau->nStages  = 2;
    tableau->order_b = 2*tableau->nStages - 2;
    tableau->order_bt = 2;
    const double half = sqrt(1./4);
    const double c[] = {0.0, 1.0};
    const double A[] = {0.0, 0.0, /* a comment */
                        1.0, 0.0,
    };
    const double b[] = {half, 0.5};
    const double bt[] = {1.0, 0.0};
    setButcherTableau(tableau, c, A, b, bt);
  }
}
"""
JAVA = """
    public static ERKButcherTableau get_empty_tableau() {
        double[][] a = new double[2][2];
        double[] b = new double[2];
        double[] c = new double[2];
        int order = 2;
        a[1][0] = 1.0;
        b[0] = 1.0 / 2.0;
        b[1] = 1.0 / 2.0;
        ERKButcherTableau tableau = new ERKButcherTableau(Float64Matrix.valueOf(a), Float64Vector.valueOf(b),
            Float64Vector.valueOf(c), false, order, new DefaultInterpolant(), "Heun, order 2");
        return tableau;
    }
"""
PAIR = """
    public static IMEXESDIRKButcherTableau get_pair_tableau() {
        double[][] ahat = new double[2][];
        ahat[0] = new double[2];
        ahat[1] = new double[] {1, 0};
        double[] bhat = new double[] {0, 1};
        double[][] a = new double[2][];
        a[0] = new double[2];
        a[1] = new double[] {0, 1};
        double[] b = bhat;
        int order = 1;
        ERKButcherTableau explicitTableau = new ERKButcherTableau(Float64Matrix.valueOf(ahat), Float64Vector.valueOf(bhat), null, true, order, new DefaultInterpolant(),"explicit");
        ERKButcherTableau implicitTableau = new ERKButcherTableau(Float64Matrix.valueOf(a), Float64Vector.valueOf(b), null, true, order, new DefaultInterpolant(),"implicit");
        return new IMEXESDIRKButcherTableau(explicitTableau, implicitTableau, order, new DefaultInterpolant(), "order 1");
    }
"""  # noqa: E501
PYTHON = """
rk_coeff = {
    "ralston_2s": ([[], [2/3]], [[1/4, 3/4]], [0, 2/3]),
    "heun_2s": ([[], [1]], [[1/2, 1/2]], [0, 2/3]),
    "gauss-legendre_2s": (
        [[1/4, 1/4 - 3**0.5 / 6], [1/4 + 3**0.5 / 6, 1/4]], [[1/2, 1/2]], [1/2 - 3**0.5 / 6, 1/2 + 3**0.5 / 6]
    ),
    "rk4_4s": ([[]], [[]], [0.1, 0.2]),
}
"""
R = """
  methods <- list(
    rk2 = list(ID = "rk2", varstep = FALSE, A = c(0, 1), b1 = c(0.5, 0.5), c = c(0, 1), stage = 2, Qerr = 1
    ),
    rk23 = list(ID = "rk23",
      varstep = TRUE, # a comment
      A  = matrix(c(rep(0, 3),
                  1/2, 0, 0,
                  -1, 2, 0), 3, 3, byrow = TRUE),
      b1 = c(0, 1, 0), b2 = c(1/6, 2/3, 1/6), c  = c(0, 1/2, 2), stage = 3, Qerr  = 2
    )
"""
SRA = """
C0 = (0, 3 / 4)
C1 = (1 / 3, 1)
A0 = ((), (3 / 4,))
B0 = ((), (3 / 2,))
alpha = (1 / 3, 2 / 3)
beta1 = (0, 1)
"""


def found(name: str, folder: Path, **texts: str) -> dict[str, str]:
    """What the sweep says of a folder that holds these texts under the paths that the reader reads."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    said = list(sweep.sweep(name, Checkout(folder)))
    return {x.name: x.text if isinstance(x, Finding) else "not read" for x in said}


def test_julia_by_assignments(tmp_path):
    assert found("diffeqdevtools", tmp_path, **{"src/ode_tableaus.jl": JULIA}) == {
        "constructGood": "4",
        "constructGood embedded": "4",
        "constructNodes": "claimed 2, found 1 (2 without time); [1, -2], 1/2",
        "constructLost": "not read",
    }


def test_julia_by_literals(tmp_path):
    texts = {f"src/tableaus/{file}.jl": "" for file in ("dirk", "firk")} | {"src/tableaus/erk.jl": RUNGEKUTTA}
    assert found("rungekutta_jl", tmp_path, **texts) == {"Good": "3"}


def test_julia_by_one_matrix(tmp_path):
    from tests.errata.rkm_jl import FILES

    texts = dict.fromkeys(FILES, "") | {FILES[0]: RKM}
    assert found("rkm_jl", tmp_path, **texts) == {
        "Good": "4, to 30 decimals",  # cos π/18 is one of 50 decimals
        "Pair": "2",
        "Pair row 2": "claimed 2, found 1; [1, 2], -1/2",
    }


def test_c(tmp_path):
    from tests.errata.openmodelica import FILE

    said = [(x.name, x.text) for x in sweep.sweep("openmodelica", checkout_of(tmp_path, FILE, C))]
    assert said == [("GOOD", "1"), ("GOOD", "2"), ("GOOD embedded", "claimed 2, found 1; [1, 2], -1/2")]


def test_java(tmp_path):
    from tests.errata.odetojava import FOLDER

    texts = {f"{FOLDER}ERKButcherTableau.java": JAVA, f"{FOLDER}IMEXESDIRKButcherTableau.java": PAIR}
    assert found("odetojava", tmp_path, **texts) == {
        "get_empty_tableau": "claimed 2, found 1 (2 without time); [1, -2], -1/2",
        "get_pair_tableau": "1",
    }


def test_python(tmp_path):
    from tests.errata.res4lyf import FILES

    assert found("res4lyf", tmp_path, **dict.fromkeys(FILES, PYTHON)) == {
        f"{name}{file}": text
        for file in ("", " (legacy)")
        for name, text in {
            "ralston_2s": "2",
            "heun_2s": "claimed 2, found 1 (2 without time); [1, -2], -1/6",
            "gauss-legendre_2s": "4",
            "rk4_4s": "not read",
        }.items()
    }


def test_r(tmp_path):
    assert found("desolve", tmp_path, **{"R/rkMethod.R": R}) == {
        "rk2": "2",
        "rk23": "claimed 3, found 1 (3 without time); [1, -2], 1/6",
        "rk23 embedded": "2",
    }


@pytest.mark.parametrize(
    ("beta", "text"), [("3 / 2, -3 / 2", "1.5"), ("-3 / 2, 3 / 2", "claimed 1.5; β2·C1 is 1, not -1")]
)
def test_stochastic(tmp_path, beta, text):
    from tests.errata.torchsde import FOLDER, tables

    for name in ("sra1", "sra2", "sra3", "srid1", "srid2"):
        checkout = checkout_of(tmp_path, f"{FOLDER}{name}.py", f"{SRA}beta2 = ({beta})\n")
    assert {x.text for x in tables(checkout)} == {text}


@pytest.mark.parametrize(("sign", "order"), [(1, Fraction(3, 2)), (-1, Fraction(1))])
def test_strong_order_of_sra2_by_its_variance(sign, order):
    """dX = t dW: a step errs by β₁·c₁ h I₁ + β₂·c₁ I₁₀ − ∫ s dW, whose variance is exact; from one h to h/2, over 1/h
    steps, the root mean square error falls as h to the order. With β₂·c₁ = −1 nothing is left of it."""
    beta, nodes = [sign * Fraction(3, 2), -sign * Fraction(3, 2)], [Fraction(1, 3), Fraction(1)]
    bc = sum(b * c for b, c in zip(beta, nodes, strict=True))

    def variance(h: Fraction) -> Fraction:
        """Of h I₁ + bc I₁₀ − (h I₁ − I₁₀), where Var I₁₀ = h³/3."""
        return (bc + 1) ** 2 * h**3 / 3 / h

    coarse, fine = variance(Fraction(1, 8)), variance(Fraction(1, 16))
    assert (coarse, fine) == (0, 0) if order == Fraction(3, 2) else coarse / fine == Fraction(2) ** int(2 * order)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('convert(T, big"-.25")', Rational(-1, 4)),
        ("1024(3346+2s)/2^3", 1024 * (3346 + 2 * sqrt(5)) / 8),
        ("-7200.0_wp / 2197", Rational(-7200, 2197)),
        ("1.5d-1 + 2.L", Rational(43, 20)),
        ("Math.sqrt(4) * 1e-1", Rational(1, 5)),
        ("(88 - 7*6**0.5) / 360", (88 - 7 * sqrt(6)) / 360),
        ("007", 7),
    ],
)
def test_numbers(text, value):
    assert number(text, {"s": sqrt(5)}) == value


@pytest.mark.parametrize("text", ["__import__('os')", "f(1)", "a.b", "1; 2", "x"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError):
        number(text)


def test_decimals_printed():
    assert decimals("0.25, 1/3, 1.5e-3") is None
    assert decimals("0.1234567890, 0.12345678901234E-3") == 10


def test_a_folder_of_checkouts(tmp_path, capsys):
    checkout_of(tmp_path / "desolve", "R/rkMethod.R", R)
    assert sweep.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "cran/deSolve at unknown" in out
    assert "2 hold, 1 refuted, 0 not read" in out
    with pytest.raises(SystemExit):
        sweep.main([str(tmp_path / "nothing")])


@pytest.mark.slow
@pytest.mark.skipif(CHECKOUTS is None, reason="TABLEAU2NET_CHECKOUTS names no folder of checkouts")
@pytest.mark.parametrize("name", sweep.READERS)
def test_everything_is_read(name):
    path = Path(CHECKOUTS or "") / name
    if not path.is_dir():
        pytest.skip(f"no checkout of {name}")
    lost = [x for x in sweep.sweep(name, Checkout(path)) if isinstance(x, Unread)]
    assert len(lost) <= 6, lost
