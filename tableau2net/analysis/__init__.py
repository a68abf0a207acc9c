"""Exact readings of a scheme, its claims proved or refuted, and the report of everything known of it."""

from tableau2net.analysis.backward import differential_form, modified_equation, modifying_integrator
from tableau2net.analysis.generate import generate_imex_multistep, generate_multistep, generate_runge_kutta
from tableau2net.analysis.order.assumptions import simplifying
from tableau2net.analysis.order.conditions import order, order_conditions
from tableau2net.analysis.order.differential_algebraic import algebraic_orders
from tableau2net.analysis.order.error_constants import errors
from tableau2net.analysis.order.evidence import Order, Residual
from tableau2net.analysis.order.independent import independent_order
from tableau2net.analysis.reading.linear import characteristic_polynomial, stability_function
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import trees
from tableau2net.analysis.region import Region, a_stable_region, region_text, zero_stable_region
from tableau2net.analysis.report.claims import Claim, Verdict, check
from tableau2net.analysis.report.register import register_finding
from tableau2net.analysis.report.report import Report, Structure, report, structure
from tableau2net.analysis.search.best_member import Optimum, optimise
from tableau2net.analysis.search.repairs import Repair, Repairs, repairs
from tableau2net.analysis.search.solve_order import OrderSolution, solve_order
from tableau2net.analysis.search.stability_polynomial import (
    StabilityPolynomial,
    optimal_stability_polynomial,
    realised,
)
from tableau2net.analysis.series.b_series import BSeries, exact_series
from tableau2net.analysis.series.conjugacy import (
    conjugate_energy_order,
    conjugate_symplectic_order,
    effective_order,
    energy_order,
    symplectic_order,
)
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.analysis.series.order_code import order_conditions_of
from tableau2net.analysis.space.cfl import CFL, cfl, limit_of_terms
from tableau2net.analysis.space.damping import positivity_limit
from tableau2net.analysis.space.modified_symbol import modified_symbol
from tableau2net.analysis.space.moments import moments
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.analysis.space.summation import summation_by_parts
from tableau2net.analysis.space.symbol import symbol
from tableau2net.analysis.space.terms import StencilTerm
from tableau2net.analysis.ssp import SSP, ssp
from tableau2net.analysis.ssp.additive import additive_ssp, ssp_region
from tableau2net.analysis.ssp.shu_osher import ShuOsher, shu_osher
from tableau2net.analysis.stability import Stability, discovery_stable, effective_step, stability, zero_stable
from tableau2net.analysis.stability.internal import internal_amplification, internal_polynomials
from tableau2net.analysis.stability.phase import phase_series
from tableau2net.analysis.stability.step_control import step_control
from tableau2net.analysis.stochastic.linear_problems import linear_moments
from tableau2net.analysis.stochastic.stochastic_order import strong_order, weak_order
from tableau2net.analysis.structure import fsal, reduced, stage_order, stiffly_accurate
from tableau2net.analysis.structure.stage_graph import stage_graph

__all__ = [
    "CFL",
    "SSP",
    "BSeries",
    "Claim",
    "Optimum",
    "Order",
    "OrderSolution",
    "Region",
    "Repair",
    "Repairs",
    "Report",
    "Residual",
    "RootedTree",
    "ShuOsher",
    "Stability",
    "StabilityPolynomial",
    "StencilTerm",
    "Structure",
    "Verdict",
    "a_stable_region",
    "additive_ssp",
    "algebraic_orders",
    "bseries",
    "cfl",
    "characteristic_polynomial",
    "check",
    "conjugate_energy_order",
    "conjugate_symplectic_order",
    "differential_form",
    "discovery_stable",
    "effective_order",
    "effective_step",
    "energy_order",
    "errors",
    "exact_series",
    "fsal",
    "generate_imex_multistep",
    "generate_multistep",
    "generate_runge_kutta",
    "independent_order",
    "internal_amplification",
    "internal_polynomials",
    "limit_of_terms",
    "linear_moments",
    "modified_equation",
    "modified_symbol",
    "modifying_integrator",
    "moments",
    "optimal_stability_polynomial",
    "optimise",
    "order",
    "order_conditions",
    "order_conditions_of",
    "phase_series",
    "points_per_wavelength",
    "positivity_limit",
    "realised",
    "reduced",
    "region_text",
    "register_finding",
    "repairs",
    "report",
    "shu_osher",
    "simplifying",
    "solve_order",
    "ssp",
    "ssp_region",
    "stability",
    "stability_function",
    "stage_graph",
    "stage_order",
    "step_control",
    "stiffly_accurate",
    "strong_order",
    "structure",
    "summation_by_parts",
    "symbol",
    "symplectic_order",
    "trees",
    "weak_order",
    "zero_stable",
    "zero_stable_region",
]
