"""What a generated class must bear once it leaves the notebook: one class and one graph for many blocks, tools that
show its lines, pickles, exports, mixed and half precision, several processes, and a file that stands alone."""

import ast
import contextlib
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
from torch._dynamo.testing import CompileCounter, CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import Dim
from torch.nn.parallel import DistributedDataParallel

import tableau2net as t2n
from tableau2net.cli import main
from tableau2net.codegen import write_source

FREE, CHANNEL = {"coefficients": "free"}, {"coefficients": "free", "sharing": "channel"}
KINDS = [
    ("euler", {}),
    ("rk4", {}),
    ("rk4", {"step_weights": "shared"}),
    ("rk4", CHANNEL),
    ("rk4", {"coefficients": "free", "keep_order": 3}),
    ("rk4", {"backward": "checkpoint"}),
    ("lm", {"coefficients": "learnable"}),
    ("adamnet-3", {"coefficients": "learnable", "sharing": "shared"}),
    ("adams-bashforth-3", {"coefficients": "free", "keep_stable": True}),
    ("heun-3", {"stage_weights": "independent"}),
    ("bogacki-shampine-32", FREE),
    ("revnet", CHANNEL),
    ("stormer-2", {}),
    ("polynet-2", {}),
    ("leapfrog-2", {"backward": "reversible"}),
    ("backward-euler", {"solver": "fixed-point", "gradient": "unrolled", "iterations": 4, "tolerance": 0.0}),
]
kinds = pytest.mark.parametrize(("name", "options"), KINDS, ids=lambda value: str(value).replace("'", ""))


class Field(nn.Module):
    """A residual branch of four channels; without statistics of a batch, so that halves of it are like the whole."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=0.05)

    def forward(self, *states):
        return torch.relu(self.conv(sum(states)))


def block_of(name, options, steps=4, field=Field):
    cls = t2n.compile(name, **options)
    several = len(cls.field_names)
    channels = {"channels": 4} if options.get("sharing") == "channel" else {}

    def one():
        return field() if several == 1 else [field() for _ in range(several)]

    if options.get("step_weights") == "shared":
        return cls(one(), steps, h=0.3, **channels)
    return cls([one() for _ in range(steps)], h=0.3, **channels)


def states_of(block, **kind):
    torch.manual_seed(1)
    return tuple(torch.randn(2, 4, 6, 6).to(**kind) for _ in block.states)


def flat(result):
    return result if isinstance(result, tuple) else (result,)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(flat(a), flat(b), strict=True))


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


# torch.compile


@kinds
def test_twenty_blocks_share_one_graph(name, options):
    """With gradients; a reversible loop is opaque then, and one graph without."""
    torch._dynamo.reset()
    counter = CompileCounter()
    for _ in range(20):
        block = block_of(name, options, steps=3)
        states = states_of(block)
        with torch.set_grad_enabled(options.get("backward") != "reversible"):
            compiled = torch.compile(block, fullgraph=True, backend=counter)
            for got, want in zip(flat(compiled(*states)), flat(block(*states)), strict=True):
                torch.testing.assert_close(got, want)
    assert counter.frame_count == 1


@pytest.mark.parametrize(
    ("name", "options", "backend"),
    [
        ("rk2", {}, "aot_eager"),
        pytest.param("rk4", {"time_dependent": True}, "aot_eager", marks=pytest.mark.slow),
        pytest.param("lm", {"coefficients": "learnable"}, "aot_eager", marks=pytest.mark.slow),
        pytest.param("lm", {"coefficients": "learnable"}, "eager", marks=pytest.mark.slow),
    ],
)
def test_blocks_of_any_step_size_share_a_graph(name, options, backend):
    """The first is compiled for its own h, the second for any. More than eight would be an error."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend(backend)
    for n in range(1, 11):
        block = block_of(name, options, steps=2)
        block.h = 1 / n
        with torch.no_grad():
            states = states_of(block)
            compiled = torch.compile(block, fullgraph=True, backend=counter)
            for got, want in zip(flat(compiled(*states)), flat(block(*states)), strict=True):
                torch.testing.assert_close(got, want)
    assert counter.frame_count == 2


@pytest.mark.parametrize("name", ["rk4", "lm"])
def test_twenty_steps_of_one_block_share_one_graph(name):
    """Compiled a step at a time, which a deep network wants: its compilation does not grow with the depth."""
    torch._dynamo.reset()
    counter = CompileCounter()
    block = block_of(name, {"coefficients": "learnable"} if name == "lm" else {}, steps=20)
    states = [state.requires_grad_() for state in states_of(block)]
    expected = block(*states)
    block.step = torch.compile(type(block).step, fullgraph=True, backend=counter)
    torch.testing.assert_close(block(*states), expected)
    assert counter.frame_count == 1


@pytest.mark.slow
def test_a_whole_network_is_one_graph_for_all_of_its_like():
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    x = torch.randn(2, 3, 16, 16)
    for _ in range(2):
        network = t2n.create_model("lm_resnet20")
        other = copy.deepcopy(network)
        other(x).sum().backward()
        compiled = torch.compile(network, fullgraph=True, backend=counter)
        compiled(x).sum().backward()
        for p, q in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("lm", {"coefficients": "learnable"}), ("revnet", CHANNEL)])
def test_inductor_computes_the_same(name, options):
    torch._dynamo.reset()
    block = block_of(name, options, steps=3)
    states = [state.requires_grad_() for state in states_of(block)]
    inputs = [*states, *block.parameters()]
    results = [flat(run(*states)) for run in (block, torch.compile(block, fullgraph=True))]
    eager, compiled = ([*r, *torch.autograd.grad(sum(x.square().sum() for x in r), inputs)] for r in results)
    for a, b in zip(eager, compiled, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


BROKEN = [("gauss-2", {}), ("leapfrog-2", {"backward": "reversible"})]


@pytest.mark.parametrize(("name", "options"), BROKEN)
def test_what_breaks_the_graph_leaves_the_result(name, options):
    """How often Newton iterates is for the data to say, and what goes back step by step is no graph: `torch.compile`
    may be asked all the same, without `fullgraph`."""
    torch._dynamo.reset()
    block = block_of(name, options)
    (y,) = states_of(block)
    results = [run(y) for run in (block, torch.compile(block, backend="eager"))]
    inputs = list(block.parameters())
    eager, compiled = ([r, *torch.autograd.grad(r.square().sum(), inputs)] for r in results)
    for a, b in zip(eager, compiled, strict=True):
        torch.testing.assert_close(a, b)


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


# precision


@kinds
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(name, options, dtype):
    block = block_of(name, options).to(dtype)
    result = flat(block(*states_of(block, dtype=dtype)))
    sum(x.float().sum() for x in result).backward()
    assert {x.dtype for x in result} == {dtype}
    assert {p.grad.dtype for p in block.parameters()} == {dtype}


@kinds
def test_autocast_keeps_a_narrow_state_narrow_and_gradients_wide(name, options):
    """Learnt coefficients stay float32, and must not widen the activations of all that follows."""
    block = block_of(name, options)
    states = states_of(block)
    exact = flat(block(*states))
    with torch.autocast("cpu", torch.bfloat16):
        narrow = flat(block(*(state.bfloat16() for state in states)))
    assert {x.dtype for x in narrow} == {torch.bfloat16}
    sum(x.float().sum() for x in narrow).backward()
    assert {p.grad.dtype for p in block.parameters()} == {torch.float32}
    for a, b in zip(narrow, exact, strict=True):
        torch.testing.assert_close(a.float(), b, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("coefficients", ["fixed", "learnable"])
def test_a_field_that_widens_its_state(coefficients):
    """Under autocast a state comes narrow from a convolution, and wide from a field that a scale ends."""

    class Scaled(nn.Linear):
        def forward(self, y):
            return super().forward(y).float()

    scheme = t2n.load("lm").with_values(k="1/4") if coefficients == "fixed" else t2n.load("lm")
    block = t2n.compile(scheme, coefficients=coefficients)([Scaled(4, 4) for _ in range(4)])
    with torch.autocast("cpu", torch.bfloat16):
        out = block(torch.randn(2, 4, dtype=torch.bfloat16))
    assert out.dtype == torch.float32
    out.sum().backward()


@pytest.mark.parametrize("sharing", ["shared", "step", "channel"])
@pytest.mark.parametrize("name", ["rk4", "adams-bashforth-3", "revnet"])
def test_autocast_on_a_gpu_keeps_a_narrow_state_narrow(name, sharing):
    """There, unlike on a CPU, autocast widens addcmul, also by a factor of no dimension. Shapes and dtypes alone are
    computed, so that no GPU is needed."""
    device = torch.device("cuda")
    with FakeTensorMode(), device:
        block = block_of(name, {"coefficients": "free", "sharing": sharing})
        states = [torch.empty(2, 4, 6, 6, dtype=torch.bfloat16) for _ in block.states]
        enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
        try:  # the context manager would see that there is no GPU, and do nothing
            torch.set_autocast_enabled("cuda", True)
            torch.set_autocast_dtype("cuda", torch.bfloat16)
            assert torch.addcmul(states[0], states[0], torch.empty(())).dtype == torch.float32
            result = flat(block(*states))
        finally:
            torch.set_autocast_enabled("cuda", enabled)
            torch.set_autocast_dtype("cuda", dtype)
    assert {x.dtype for x in result} == {torch.bfloat16}


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


# the file


FILES = [  # as the command writes them
    ("euler",),
    ("rk4", "--coefficients", "free"),
    ("lm", "--coefficients", "learnable"),
    ("adamnet-3", "--coefficients", "learnable", "--sharing", "channel"),
    ("adams-bashforth-3", "--start", "rk4"),
    ("dormand-prince-54", "--stage-weights", "independent"),
    ("ssprk-104",),
    ("stormer-verlet-velocity",),
    ("stormer-2",),
    ("imex-bdf-2",),
    ("abm-2",),
    ("gauss-2",),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of files: those of the command, and each of `KINDS`."""
    folder = tmp_path_factory.mktemp("standalone")
    with pytest.MonkeyPatch.context() as patch:
        for i, (name, *options) in enumerate(FILES):
            patch.setattr(sys, "argv", ["tableau2net", "compile", name, "-o", str(folder / f"file{i}.py"), *options])
            with contextlib.suppress(SystemExit):
                main()
            assert (folder / f"file{i}.py").exists(), name
    for i, (name, options) in enumerate(KINDS):
        (folder / f"kind{i}.py").write_text(write_source(name, **options))
    return folder


def test_files_import_torch_alone(written):
    for path in written.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or "."]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] in {"torch", *sys.stdlib_module_names}, f"{path.name}: {name}"


def test_files_run_where_there_is_no_tableau2net(written):
    code = (
        "import importlib, inspect, pathlib, sys, torch\nfrom torch import nn\n"
        "sys.modules['tableau2net'] = None\n"
        "class Field(nn.Module):\n    def forward(self, *a):\n        return -a[-1]\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.py')):\n"
        "    module = importlib.import_module(path.stem)\n"
        "    (cls,) = [c for c in vars(module).values() if isinstance(c, type) and hasattr(c, 'field_names')]\n"
        "    n = len(cls.field_names)\n"
        "    asked = inspect.signature(cls).parameters\n"
        "    given = {'channels': 3} if 'channels' in asked else {}\n"
        "    fields = [[Field() for _ in range(n)] if n > 1 else Field() for _ in range(5)]\n"
        "    block = cls(*((fields[0], 5) if 'steps' in asked else (fields,)), h=0.01, **given)\n"
        "    result = block(*[torch.ones(1, 3, 1, 1)] * len(cls.states))\n"
        "    for y in result if isinstance(result, tuple) else (result,):\n"
        "        assert y.shape == (1, 3, 1, 1) and y.isfinite().all(), path\n"
    )
    done = subprocess.run([sys.executable, "-c", code, written], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_files_pass_mypy_strict(written):
    command = [sys.executable, "-m", "mypy", "--strict", *sorted(written.glob("*.py"))]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=written)
    assert checked.returncode == 0, checked.stdout
