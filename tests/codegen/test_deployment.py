"""What a generated class must bear once it leaves the notebook: one class and one graph for many blocks, tools that
show its lines, pickles, exports, mixed and half precision, several processes, and a file that stands alone."""

import copy
import cProfile
import hashlib
import inspect
import io
import json
import linecache
import pdb
import pickle
import pstats
import subprocess
import sys
import traceback
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.nn.parallel import DistributedDataParallel

import tableau2net as t2n
from tests.codegen.kinds import CHANNEL, FREE, block_of, flat, kinds, same, states_of


def rk4(**changes):
    return t2n.RungeKutta(A=[[], ["1/2"], [0, "1/2"], [0, 0, 1]], b=["1/6", "1/3", "1/3", "1/6"], **changes)


# one class


def test_one_class_for_one_content():
    cls = t2n.compile("rk4")
    assert cls is t2n.compile(t2n.load("rk4"), coefficients="fixed", start=t2n.load("euler"))
    assert t2n.compile(rk4()) is t2n.compile(rk4(claims={"order": 5}))  # what is claimed is no part of the code
    assert t2n.compile(rk4()) is not t2n.compile(replace(rk4(), b=("1/6", "1/3", "1/6", "1/3")))
    assert t2n.compile(rk4()) is not cls  # another header


def test_a_module_that_can_be_found():
    cls = t2n.compile("rk4")
    module = sys.modules[cls.__module__]
    assert getattr(module, cls.__name__) is cls
    source = inspect.getsource(module)
    assert cls.__module__.endswith("_" + hashlib.sha256(source.encode()).hexdigest()[:12])


# tools that show lines


def test_inspect_and_linecache_show_the_lines():
    cls = t2n.compile("rk4")
    linecache.checkcache()  # what an interactive session does before each traceback
    lines, first = inspect.getsourcelines(cls.step)
    assert "k1 = f(y)" in {line.strip() for line in lines}
    code = cls.step.__code__
    assert linecache.getline(code.co_filename, first + 1) == lines[1]
    assert inspect.getsource(cls).startswith("class Rk4(nn.Module):")


def test_a_traceback_shows_the_line_that_failed():
    block = t2n.compile("rk4")([nn.Linear(3, 2)])
    with pytest.raises(RuntimeError) as caught:
        block(torch.randn(1, 3))
    text = "".join(traceback.format_exception(caught.value))
    assert "in step\n    y2 = y.add(k1, alpha=1 / 2 * h)" in text


def test_a_debugger_stops_there():
    block = t2n.compile("rk4")([nn.Identity()])
    code = type(block).step.__code__
    lines, first = inspect.getsourcelines(type(block).step)
    stop = first + next(i for i, line in enumerate(lines) if "k2 = f(y2)" in line)
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("continue\np float(y2)\nlonglist\ncontinue\n"), stdout=out, nosigint=True)
    assert debugger.set_break(code.co_filename, stop) is None
    debugger.runcall(block, torch.tensor(1.0))
    assert "1.5" in out.getvalue()
    assert "->" in next(line for line in out.getvalue().splitlines() if "k2 = f(y2)" in line and f"{stop}" in line)


def test_profilers_name_the_generated_function(tmp_path):
    block = block_of("rk4", {})
    file = type(block).step.__code__.co_filename
    with cProfile.Profile() as profile:
        block(*states_of(block))
    assert any(key[0] == file and key[2] == "step" for key in pstats.Stats(profile).stats)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], with_stack=True) as recorded:
        block(*states_of(block))
    recorded.export_chrome_trace(str(tmp_path / "trace.json"))
    names = {event.get("name", "") for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]}
    assert any(name.startswith(file) and name.endswith(": step") for name in names)


# copies


@kinds
def test_copies_pickles_and_state_dicts(name, options):
    torch.manual_seed(0)
    block = block_of(name, options)
    states = states_of(block)
    expected = block(*states)
    other = block_of(name, options)
    other.load_state_dict(block.state_dict())
    saved = io.BytesIO()
    torch.save(block, saved)
    saved.seek(0)
    for copied in (
        copy.deepcopy(block),
        pickle.loads(pickle.dumps(block)),
        torch.load(saved, weights_only=False),
        other,
    ):
        assert type(copied) is type(block)
        assert same(copied(*states), expected)
        assert {p.data_ptr() for p in copied.parameters()}.isdisjoint(p.data_ptr() for p in block.parameters())


def test_a_pickle_goes_to_another_process_and_comes_back(tmp_path):
    """Of a table that neither process has by name, with a start-up scheme that it has neither."""
    start = t2n.RungeKutta(A=[[], ["2/3"]], b=["1/4", "3/4"])
    scheme = t2n.Multistep(alpha=[0, -1, 1], beta=["-1/2", "3/2", 0], name="mine")
    block = t2n.compile(scheme, start=start, coefficients="free")([nn.Linear(3, 3) for _ in range(3)])
    y = torch.randn(2, 3)
    (tmp_path / "there").write_bytes(pickle.dumps((block, y)))
    code = (
        "import pickle, sys, pathlib\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "block, y = pickle.loads((here / 'there').read_bytes())\n"
        "assert 'class Mine' in __import__('inspect').getsource(type(block))\n"
        "(here / 'back').write_bytes(pickle.dumps((block, block(y))))\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    back, result = pickle.loads((tmp_path / "back").read_bytes())
    assert type(back) is type(block)
    assert torch.equal(result, block(y))


# torch.export and ONNX


@kinds
def test_export_of_a_block(name, options):
    block = block_of(name, options)
    states = states_of(block)
    batch = Dim("batch", min=2)
    exported = torch.export.export(block, states, dynamic_shapes=tuple({0: batch} for _ in states))
    wider = tuple(torch.cat([state, state + 1]) for state in states)
    assert same(exported.module()(*wider), block(*wider))


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", ["resnet20", "lm_resnet20"])
def test_export_of_a_network_round_trip(name, training, tmp_path):
    torch.manual_seed(0)
    network = t2n.create_model(name).train(training)
    x = torch.randn(4, 3, 16, 16)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: Dim("batch", min=2)},))
    torch.export.save(program, tmp_path / "network.pt2")
    loaded = torch.export.load(tmp_path / "network.pt2").module()
    for _ in range(2):  # in training, the statistics of the first are seen in the second
        assert torch.equal(loaded(x[:3]), network(x[:3]))
    before, after = network.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rk4", "lm", "revnet", "resnet20", "lm_resnet20"])
def test_onnx_computes_the_same(name, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    if name.endswith("20"):
        module, inputs = t2n.create_model(name), (torch.randn(2, 3, 32, 32),)
    else:
        module = block_of(name, {"coefficients": "free"})
        inputs = states_of(module)
    module.eval()
    torch.onnx.export(module, inputs, dynamo=True, verbose=False).save(tmp_path / "it.onnx")
    session = runtime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    given = {node.name: x.numpy() for node, x in zip(session.get_inputs(), inputs, strict=True)}
    for got, want in zip(session.run(None, given), flat(module(*inputs)), strict=True):
        torch.testing.assert_close(torch.from_numpy(got), want, rtol=1e-5, atol=1e-5)


# several processes


@kinds
def test_every_parameter_has_a_gradient(name, options):
    """Data parallel training waits for each of them."""
    block = block_of(name, options, steps=6)
    sum(x.square().sum() for x in flat(block(*states_of(block)))).backward()
    assert [n for n, p in block.named_parameters() if p.grad is None] == []


def _data_parallel(rank, path):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{path}/meeting", rank=rank, world_size=2)
    block, states, batch = torch.load(path / "given.pt", weights_only=False)
    parallel = DistributedDataParallel(block)
    half = slice(rank * batch // 2, (rank + 1) * batch // 2)
    for _ in range(2):  # the second begins by waiting for every gradient of the first
        parallel.zero_grad()
        sum(x.square().mean() for x in flat(parallel(*(state[half] for state in states)))).backward()
    torch.save([p.grad for p in block.parameters()], path / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"), [("rk4", FREE), ("lm", {"coefficients": "learnable"}), ("revnet", CHANNEL)]
)
def test_data_parallel_gradients_are_those_of_one_process(name, options, tmp_path):
    torch.manual_seed(0)
    block = block_of(name, options).double()
    states = tuple(torch.randn(4, 4, 6, 6, dtype=torch.float64) for _ in block.states)
    torch.save((block, states, 4), tmp_path / "given.pt")
    torch.multiprocessing.spawn(_data_parallel, (tmp_path,), nprocs=2)
    sum(x.square().mean() for x in flat(block(*states))).backward()
    for rank in range(2):
        for got, p in zip(torch.load(tmp_path / f"{rank}.pt"), block.parameters(), strict=True):
            torch.testing.assert_close(got, p.grad, rtol=1e-12, atol=1e-14)
