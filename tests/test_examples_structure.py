"""The examples about fields with structure run, and what they say of energies is so."""

import re

import pytest
import torch

from tests.example_scripts import beside_each_other, example  # noqa: F401

pytestmark = pytest.mark.usefixtures("beside_each_other")


@pytest.mark.slow
def test_symplectic_schemes_keep_the_energy_near(capsys):
    module = example("energy_drift")
    module.main(gradients=160, systems=("pendulum",))
    lines = re.findall(
        r"^  (\S+)\s+(yes|no)\s+(yes|no|)\s+(\d+)\s+(\S+)\s+(\S+)$", capsys.readouterr().out, re.MULTILINE
    )
    assert [name for name, *_ in lines] == list(module.SEPARABLE)
    assert all(int(gradients) < 300 for *_, gradients, _, _ in lines)
    errors = {name: float(error) for name, *_, error, _ in lines}
    symplectic = {name for name, word, *_ in lines if word == "yes"}
    assert symplectic == set(module.SEPARABLE[:5])
    assert errors["blanes-moan-srkn-4"] < errors["forest-ruth-4"] < errors["stormer-verlet-velocity"] < errors["euler"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["double", "eight"])
def test_the_systems_are_those_that_they_say(name, tmp_path):
    module = example("energy_drift")
    system = module.SYSTEMS[name]
    y0 = torch.tensor(system.y0, dtype=torch.float64)
    if name == "eight":  # it closes after 6.32591398 units of time (Chenciner, Montgomery 2000)
        told = module.t2n.energy_drift("yoshida-6-a", system.field, y0, 6.32591398, 1000, samples=2)
        torch.testing.assert_close(told.y[-1], y0, rtol=0, atol=1e-4)
    module.main(str(tmp_path), gradients=100, systems=(name,))
    assert (tmp_path / "energy-drift-dark.png").stat().st_size > 10_000


@pytest.mark.slow
def test_what_is_learnt_of_a_pendulum(capsys, tmp_path):
    module = example("learnt_energy")
    errors = module.main(
        str(tmp_path), seeds=1, trajectories=12, observations=6, noise=0.0, width=12, updates=60, steps=20
    )
    assert list(errors) == list(module.NAMES)
    assert all(found[0] == 0 for found in errors.values())
    assert all(errors[name][6].item() < 0.8 for name in module.NAMES[:2])  # a little longer than it was shown
    assert all(found.max() < 4 for found in errors.values())  # of amplitudes up to 2
    assert "symplectic recurrent" in capsys.readouterr().out
    assert (tmp_path / "learnt-energy.png").exists()


def test_leapfrog_of_the_true_energies_is_the_pendulum():
    module = example("learnt_energy")
    y0 = module.starts(4, torch.Generator().manual_seed(0))
    times = [n * module.H for n in range(5)]
    torch.testing.assert_close(module.rollout(module.TRUE, y0, 4), module.true_states(y0, times), rtol=0, atol=0.02)


@pytest.mark.slow
def test_a_lagrangian_network_learns_accelerations(capsys):
    example("lagrangian_network").main(seeds=1, states=128, width=16, updates=120, time=0.5)
    found = re.findall(r"^ +0  (\w+) +(\d+) +(\S+)  (\S+)$", capsys.readouterr().out, re.MULTILINE)
    assert [name for name, *_ in found] == ["plain", "Lagrangian"]
    assert 0 < float(found[1][2]) < 1  # of the deviation of q''
