"""More readers of the sweep, each on a small text of its source's form."""

import pytest

from tests.errata import differential_equations, sweep
from tests.errata.checkout import checkout_of
from tests.errata.table import Finding

MATLAB = """
if (strcmp(method_name,'GOOD-ERK'))
   % a comment
   c = [z; v(1)/v(2); v(1)];
   b = [z, v(2)/v(3), v(1)/v(6)];
   b(1) = v(1)-sum(b);
   A = [z, z, z; ...
        v(0.5), z, z;
        z, v(2), z];
   A(3,1) = c(3)-sum(A(3,:));
   d = [ z, v(1), z];
   q = 3;
   p = 2;
   B = [c, A; q, b; p, d];

elseif (strcmp(method_name,'LOST-ERK'))
   A = [z, z; v(1), z];
   A(:,1) = 2*A(:,1);
   b = [v(1)/v(2), v(1)/v(2)];
   c = [z; v(1)];
   q = 2;
   B = [c, A; q, b];
else
   error('unknown')
"""
KOKKOS = """
template <>
struct ButcherTableau<1, 1>  // Euler-Heun
{
  static constexpr int order   = 2;
  static constexpr int nstages = 2;
  Kokkos::Array<double, 3> a{
      {0.0, 1.0, 0.0}};
  Kokkos::Array<double, nstages> b{{0.5, 0.5}};
  Kokkos::Array<double, nstages> c{{0.0, 1.0}};
  Kokkos::Array<double, nstages> e{{-0.5, 0.5}};
};
"""
RUST = """
const HALF: f64 = 0.5;
    /// - Primary order: 2
    /// - Embedded order: 1 (for error estimation)
    pub fn heun() -> Self {
        let mut c = [0.0; 2];
        let mut a = [[0.0; 2]; 2];
        c[1] = 1.0_f64.sqrt();
        a[1][0] = 1.0;
        let b = [HALF, 0.5_0];
        let bh: [f64; 2] = [1.0, 0.0];
        let b = b.map(|x| T::from_f64(x).unwrap());
        Self { c, a, b, bh: Some(bh) }
    }
"""
NRPY = """
def generate():
    q = sp.sqrt(4)
    Butcher_dict['good'] = ([[0], [1, 1], ["HO", sp.Rational(1, 2), 1/q], ["LO", 1, 0]], 2)
    Butcher_dict['nodes'] = ([[0], [sp.Rational(1, 3), sp.sympify(1)], ["", sp.Rational(1, 2), sp.Rational(1, 2)]], 2)
"""
DEAL = """
    inline void
    fill_emb_heun_euler_tableau(std::vector<std::vector<double>> &a, std::vector<double> &c)
    {
      a  = {{}, {1.0}};
      c  = {0.0, 1.0};
      b1 = a.back();
      b1.push_back(0.0);
      b2 = {b1[0] - 0.5, 0.5};
    }
"""
FELTOR = """
ButcherTableau<real_type> heun_2_1_2()
{
    real_type b[2] = {0.5, 0.5};
    real_type c[2] = {0, 1};
    real_type a[2*2] = {0, 0, c[1], 0};
    real_type bt[2] = {1, 0};
    return ButcherTableau<real_type>(2,1,2, a, b, bt, c);
}
ButcherTableau<real_type> data_2_1_2()
{
    real_type data[] = {0, 0, 0,   2./3., 2./3., 0,   2, 0.25, 0.75,   1, 1, 0};
    return ButcherTableau<real_type>( 2, data);
}
"""
TUDAT = """
void initializeHeunCoefficients( RungeKuttaCoefficients& heunCoefficients )
{
    heunCoefficients.lowerOrder = 1;
    heunCoefficients.higherOrder = 2;
    heunCoefficients.aCoefficients = Eigen::MatrixXd::Zero( 2, 2 );
    heunCoefficients.aCoefficients( 1, 0 ) = 1.0;
    heunCoefficients.cCoefficients = Eigen::VectorXd::Zero( 2 );
    heunCoefficients.cCoefficients( 1 ) = 1.0;
    heunCoefficients.bCoefficients = Eigen::MatrixXd::Zero( 2, 2 );
    heunCoefficients.bCoefficients( 0, 0 ) = 1.0;
    heunCoefficients.bCoefficients( 1, 0 ) = 1.0 / 2.0;
    heunCoefficients.bCoefficients( 1, 1 ) = heunCoefficients.bCoefficients( 1, 0 );
}
"""
CPLUSPLUS = """
    HeunTableau<Real>() {
      this->name = "Heun";
      this->type = Type::ERK;
      this->order = 2;
      Real half{std::sqrt(0.25)};
      this->A << 0.0, 0.0,
                 1.0, 0.0;
      this->b << half, 1.0/2.0;
      this->c << 0.0, 1.0;
    }
"""
FORTRAN = """
  integer, parameter :: s = 2 ! stages
  real(kind=rk), parameter :: a(s,s) = reshape([ 0.0_rk, 0.0_rk, &
       &                                         4.0_rk, 0.0_rk], [s, s]) / 6.0_rk + &
       &                               [0.0_rk, 0.0_rk, 1.0_rk, 0.0_rk] / 6.0_rk * sqrt(4.0_rk)
  real(kind=rk), parameter :: b(s,m) = reshape([ 1.0_rk, 1.0_rk, &
       &                                         2.0_rk, 0.0_rk], [s, m]) / 2.0_rk
  real(kind=rk), parameter :: c(s) = [0.0_rk, 1.0_rk]
  integer, parameter :: p(m) = [2, 2]
"""


@pytest.mark.parametrize(
    ("name", "path", "text", "said"),
    [
        ("rklab", "butcher.m", MATLAB, {"GOOD-ERK": "3", "GOOD-ERK embedded": "2", "LOST-ERK": "not read"}),
        ("kokkos", "ode/impl/KokkosODE_RungeKuttaTables_impl.hpp", KOKKOS, {"ButcherTableau<1, 1>": "2"}),
        ("differential_equations", "src/tableau/dirk.rs", RUST, {"heun": "2", "heun embedded": "1"}),
        ("nrpy", "nrpy/infrastructures/BHaH/MoLtimestepping/rk_butcher_table_dictionary.py", NRPY, {"good": "2"}),
        (
            "feltor",
            "inc/dg/tableau.h",
            FELTOR,
            {
                "heun_2_1_2": "2",
                "heun_2_1_2 embedded": "1",
                "data_2_1_2": "2",
                "data_2_1_2 embedded": "1",
            },
        ),
        (
            "tudat",
            "src/math/integrators/rungeKuttaCoefficients.cpp",
            TUDAT,
            {
                "Heun": "1",
                "Heun row 2": "2",
            },
        ),
        ("sandals", "include/Sandals/RungeKutta/Heun2.hh", CPLUSPLUS, {"Heun2": "2"}),
        (
            "mrkiss",
            "lib/mrkiss_eerk_heun_euler_2_1.f90",
            FORTRAN,
            {
                "eerk_heun_euler_2_1": "2",
                "eerk_heun_euler_2_1 row 2": "claimed 2, found 1; [1, 2], -1/2",
            },
        ),
        (
            "dealii",
            "include/deal.II/base/time_stepping.templates.h",
            DEAL,
            {
                "emb_heun_euler": "claimed 2, found 1; [1, 2], -1/2",
                "emb_heun_euler embedded": "1",
            },
        ),
    ],
)
def test_other_forms(tmp_path, name, path, text, said):
    for other in differential_equations.FILES:
        checkout_of(tmp_path, f"src/tableau/{other}.rs", "")
    checkout = checkout_of(tmp_path, path, text)
    everything = {x.name: x.text if isinstance(x, Finding) else "not read" for x in sweep.sweep(name, checkout)}
    assert said.items() <= everything.items()
    if name == "nrpy":
        assert everything["nodes"] == "claimed 2, found 1 (2 without time); [1, -2], -1/3"
