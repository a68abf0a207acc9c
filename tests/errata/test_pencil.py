"""The reader of the Pencil code's derivatives: on a small module of its form, right and wrong."""

import pytest
from sympy import Rational

from tests.errata import pencil
from tests.errata.checkout import checkout_of
from tests.errata.table import Formula, Unread, claims

MODULE = """
    subroutine der_main(f, k, df, j)
      real, parameter :: a = 1.0/60.0
      fac=a
      if (withdx) fac = a * dx_1(l1:l2)
      df=fac*(+ 45.0*(f(l1+1:l2+1,m,n,k)-f(l1-1:l2-1,m,n,k)) &   ! a comment
              -  9.0*(f(l1+2:l2+2,m,n,k)-f(l1-2:l2-2,m,n,k)) &
              +      (f(l1+3:l2+3,m,n,k)-f(l1-3:l2-3,m,n,k)))
    endsubroutine der_main
    subroutine derij_other(f, df, i, j)
      fac=(1./60.**2)*dz_1(n)*dx_1(l1:l2)
      df=fac*(f(l1+1:l2+1,m,n+1)-f(l1-1:l2-1,m,n+1)+f(l1-1:l2-1,m,n-1)-f(l1+1:l2+1,m,n-1))
    endsubroutine derij_other
    subroutine der6_main(f, k, df, j)
      df=fac*exp(f(l1:l2,m,n,k))
    endsubroutine der6_main
    subroutine der_onesided_4_slice_main(f, sgn, k, df, pos, j)
      fac=1./12.*dz_1(pos)
      df = fac*(-sgn*25*f(l1:l2,m1:m2,pos,k)+sgn*25*f(l1:l2,m1:m2,pos+sgn*1,k))
    endsubroutine der_onesided_4_slice_main
"""


def test_statements_are_read_as_stencils_and_what_is_not_is_said(tmp_path):
    for name in pencil.FILES:
        checkout = checkout_of(tmp_path, f"src/{name}.f90", MODULE if name == "deriv" else "")
    found = list(pencil.tables(checkout))
    formulas = {t.name.split()[1]: t for t in found if isinstance(t, Formula)}
    assert [t.name for t in found if isinstance(t, Unread)] == ["deriv.f90:15 der6_main"]
    first = formulas["der_main"]
    assert first.stencil.points[3,] == Rational(1, 60)
    assert [f.ok for f in claims(first)] == [True]
    assert [str(f) for f in claims(formulas["derij_other"])] == [
        "deriv.f90:12 derij_other: claimed 6, found 0; M_(1,1) = 1/900, should be 1"
    ]
    assert [f.text for f in claims(formulas["der_onesided_4_slice_main"])] == [
        "claimed 4, found 0; M_1 = 25/12, should be 1"
    ]


@pytest.mark.parametrize(
    "text", ["__import__('os')", "f(l1+1:l2+1,m,n,k)**2", "lambda: 1", "[1]", "f(l1,m,n,k)*f(l1,m,n,k)"]
)
def test_nothing_but_sums_and_products_is_read(tmp_path, text):
    module = f"    subroutine der_main(f, df)\n      df={text}+f(l1+1:l2+1,m,n,k)\n"
    for name in pencil.FILES:
        checkout = checkout_of(tmp_path, f"src/{name}.f90", module if name == "deriv" else "")
    assert [type(t) for t in pencil.tables(checkout)] == [Unread]
