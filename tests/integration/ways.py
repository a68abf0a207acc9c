"""Ways to integrate, of every kind, and something small to integrate."""

import torch

from tests.integration.problems import D

WAYS = [
    ("dormand-prince-54", {"rtol": 1e-8}),
    ("rk4", {"rtol": 1e-7}),
    ("rk4", {"steps": 20}),
    ("rk4", {"steps": 20, "at": [0.3, 1]}),
    ("dormand-prince-54", {"rtol": 1e-8, "at": [0.1, 0.77, 1.0]}),
    ("cash-karp-54", {"rtol": 1e-8, "at": [0.5]}),
    ("adams-bashforth-4", {"steps": 20}),
    ("adams-bashforth-3", {"grid": [0, 0.2, 0.5, 0.6, 0.8, 1]}),
    ("abm-3", {"steps": 20}),
    ("bdf-3", {"steps": 20, "at": [0.33]}),
    ("bdf-3", {"grid": [0, 0.2, 0.5, 0.6, 0.8, 1]}),
    ("radau-iia-3", {"rtol": 1e-7}),
    ("kvaerno-43", {"rtol": 1e-7, "at": [0.4, 0.9]}),
    ("gauss-2", {"steps": 10}),
    ("nordsieck-adams-3", {"steps": 20}),
    ("leapfrog-2", {"steps": 20}),
    ("ssprk-33", {"steps": 20}),
    ("trapezoid", {"steps": 20, "solver": "anderson"}),
]
Y0 = torch.tensor([1.0, -2.0, 0.5], dtype=D)


def plain(t, y):
    return -y * (1 + t)
