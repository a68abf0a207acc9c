"""Training, measured: each engine beside what people write, floors, waiting, and many networks at once on a GPU.

    python -m benchmarks.training [--seconds 450] [--threads 2] [--short] [--markdown] [--json FILE]

Every part is a process with a time limit; what it had found by then counts, and what there was no time for is named.
The first parts are the most wanted ones. Candidates of a network take turns: the median of the rounds counts, of a
ratio the median of the ratios within a round. The script is hand-written (see benchmarks.script), our networks are
generated. A GPU is measured whole; a CPU by ResNet-20 alone, in less than three minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console

from benchmarks.loader import ratio
from benchmarks.sheet import Sheet, number
from tableau2net.training import environment

DEPTHS = (20, 56, 110)
PRECISIONS = ("float32", "bfloat16")
TOGETHER = ("resnet20", "lm_resnet20", "adamnet2_20", "momentum_resnet20")
PUBLISHED = (
    *TOGETHER, "adamnet3_20", "adamnet4_26", "adamnet2pc_20", "post_resnet20", "ie_resnet14", "in_resnet14",
    "small_step_resnet14", "wide_resnet16_2", "resnext20_2x16d", "lm_resnext20_2x16d", "dynamic_rk1_double",
    "dynamic_rk1_bottleneck", "dynamic_rk4_parabolic", "dynamic_ab2_preact", "dynamic_hamiltonian",
    "dynamic_verlet_hamiltonian", "polynet_poly2_14", "polynet_mpoly2_14", "polynet_2way_14", "fractalnet20",
    "revnet26", "revnet38", "hamiltonian14", "midpoint14", "leapfrog14", "imexnet14", "neural_ode_euler_2",
    "neural_ode_rk4_2", "anode_euler_2", "neural_ode_adaptive",
)  # fmt: skip
Found = list[dict[str, Any]]


@dataclass
class Session:
    """How long there is, and what has been found so far."""

    seconds: float
    environment: dict[str, str]
    begun: float = field(default_factory=time.perf_counter)
    found: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.seconds - (time.perf_counter() - self.begun)

    def start(self, part: dict[str, Any], output: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.trainers", json.dumps(part)],
            stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )  # fmt: skip

    def run(self, name: str, limit: float, *parts: dict[str, Any]) -> list[Found]:
        """What parts find that run at once, within so many seconds."""
        limit = min(limit, self.left)
        if limit < 15:
            self.remarks.append(f"{name}: no time left")
            return [[] for _ in parts]
        end = time.perf_counter() + limit
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in parts]
            running = [self.start(part, file) for part, file in zip(parts, files, strict=True)]
            for process in running:
                try:
                    if process.wait(max(0.1, end - time.perf_counter())):
                        self.remarks.append(f"{name}: ended with {process.returncode}")
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    self.remarks.append(f"{name}: cut off after {limit:.0f} s")
            found = []
            for file in files:
                file.seek(0)
                found.append([json.loads(line) for line in file if line.endswith("}\n")])
        return found

    def keep(self, name: str, found: Any) -> None:
        self.found[name] = found


def rates(s: Session, depth: int, limit: float, **options: Any) -> None:
    """Images a second of a network by engine and precision."""
    name = f"ResNet-{depth}"
    (lines,) = s.run(name, limit, {"part": "rates", "depth": depth, **options})
    found: dict[str, list[float]] = {}
    for line in lines:
        key = f"{line['engine']}, {line['precision']}"
        if "rate" in line:
            found.setdefault(key, []).append(line["rate"])
        elif "failed" in line:
            s.remarks.append(f"{name}, {key}: {line['failed']}")
    s.keep(name, found)


def together(s: Session, limit: float) -> None:
    """Four networks at once, and one after another; all processes are there all the time."""
    parts = [{"part": "served", "network": n, "engine": "graph", "precision": "bfloat16"} for n in TOGETHER]
    if s.left < limit:
        s.remarks.append("four at once: no time left")
        return
    running = [s.start(part, subprocess.PIPE) for part in parts]
    watch = threading.Timer(limit, lambda: [*map(subprocess.Popen.kill, running)])
    watch.start()

    def asked(some: Sequence[subprocess.Popen[str]], line: str | None) -> list[dict[str, Any]]:
        for process in some:
            if line:
                process.stdin.write(line)  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
        return [json.loads(process.stdout.readline() or "{}") for process in some]  # type: ignore[union-attr]

    try:
        asked(running, None)
        at_once = [a["rate"] for a in asked(running, "6\n")]
        alone = [asked([process], "3\n")[0]["rate"] for process in running]
        s.keep("four at once", {"networks": TOGETHER, "at once": at_once, "alone": alone})
    except (KeyError, OSError, ValueError) as error:
        s.remarks.append(f"four at once: {type(error).__name__}, {limit:.0f} s allowed")
    finally:
        watch.cancel()
        for process in running:
            process.kill()
            process.wait()


def gpu(s: Session) -> None:
    """All that is measured of a GPU, the most wanted first; what is no matter of time, at once."""
    compiled = [{"part": "compiles", "depth": d, "precision": p} for d in DEPTHS for p in PRECISIONS]
    waiting, *compiling = s.run("waiting, compiling", 120, {"part": "waiting", "networks": PUBLISHED}, *compiled)
    s.keep("waiting", waiting)
    s.keep(
        "seconds to compile", [{**p, **line} for p, lines in zip(compiled, compiling, strict=True) for line in lines]
    )
    engines = ["graph", "script", "eager", "compile-graph"]
    options = {"steps": 130, "rounds": 3, "workers": os.cpu_count() or 2}
    rates(s, 20, 80, candidates=[(e, p) for e in (*engines, "compile") for p in PRECISIONS], **options)
    together(s, 60)
    for depth in DEPTHS[1:]:
        rates(s, depth, 70, candidates=[(e, p) for e in engines for p in PRECISIONS], **options)
    asked = {"part": "epochs", "depths": DEPTHS, "precision": "bfloat16", "engine": "graph", "count": 3}
    for line in s.run("epochs", 60, asked)[0]:
        s.found.setdefault(f"epochs of ResNet-{line['depth']}, graph, bfloat16", []).append(line)
    floors(s, DEPTHS)


def cpu(s: Session) -> None:
    candidates = [("script", PRECISIONS[0]), *((e, p) for e in ("eager", "compile") for p in PRECISIONS)]
    rates(s, 20, 130, candidates=candidates, steps=1, rounds=12, workers=2)
    floors(s, DEPTHS[:1])


def short(s: Session) -> None:
    """That all works: a figure or two."""
    candidates = [("script", PRECISIONS[0]), ("eager", PRECISIONS[0])]
    rates(s, 8, 60, candidates=candidates, steps=1, rounds=1, workers=0)


def floors(s: Session, depths: Sequence[int]) -> None:
    for line in s.run("floors", 40, {"part": "floor", "depths": depths, "precisions": PRECISIONS})[0]:
        s.keep(f"floor of ResNet-{line['depth']}, {line['precision']}", line)


def tables(s: Session) -> list[Sheet]:
    found = []
    for name, rows in s.found.items():
        if name.startswith("ResNet-"):
            found.append(rate_table(name, rows, s.found))
    others = [(name, summary(name, value)) for name, value in s.found.items() if not name.startswith("ResNet-")]
    if others or s.remarks:
        found.append(Sheet("Besides", ("what", "found"), tuple(others), tuple(s.remarks)))
    return found


def rate_table(name: str, rows: dict[str, list[float]], all_found: dict[str, Any]) -> Sheet:
    """Ratios are over the script and over our own eager mode, of the same precision."""
    cells = []
    for key, values in rows.items():
        engine, precision = key.split(", ")
        floor = all_found.get(f"floor of {name}, {precision}", {}).get("rate", math.nan)
        against = [ratio(rows, f"{other}, {precision}", key) for other in ("script", "eager")]
        against.append(ratio(rows, f"{engine}, float32", key))
        rate = median(values)
        ratios = [number(a, "{:.2f}") for a in (*against, rate / floor)]
        cells.append((key, str(len(values)), f"{rate:,.0f}", *ratios, number(160 * 50_000 / rate, "{:,.0f}")))
    head = (
        "engine, precision",
        "rounds",
        "images/s",
        "× script",
        "× eager",
        "× float32",
        "of what eager's bytes allow",
        "160 epochs, s",
    )
    return Sheet(f"{name}, batches of 128", head, tuple(cells))


def summary(name: str, value: Any) -> str:
    if name == "waiting":
        good = [v["network"] for v in value if v.get("waits") is False]
        bad = [f"{v['network']}: {v['reason']}" for v in value if v.get("waits")]
        no = [f"{v['network']}: {v['refused']}" for v in value if "refused" in v]
        return (
            f"{len(good)} networks never wait: {', '.join(good)}; wait: {bad or 'none'}; not captured: {no or 'none'}"
        )
    if name == "four at once":
        if len(value["alone"]) < len(value["networks"]):
            return json.dumps(value)
        # one after another, each gets its share of the time: the harmonic mean of the rates for equal works
        one = len(value["alone"]) / sum(1 / r for r in value["alone"])
        # at once, equal works end when the slowest does
        many = len(value["at once"]) * min(value["at once"])
        return (
            f"{sum(value['at once']):,.0f} images/s at once, {one:,.0f} one after another; work done {many / one:.2f} ×"
        )
    if name.startswith("epochs") and value:
        took = median(v["train"] + v["test"] for v in value)
        return f"{took:.2f} s an epoch with its test images: {160 * took:,.0f} s for 160"
    if name.startswith("floor"):
        return (
            f"{value['bytes'] / 1e6:,.0f} MB a step ({value['convolutions'] / 1e6:,.0f} of convolutions), "
            f"{value['bandwidth'] / 1e9:,.0f} GB/s: at most {value['rate']:,.0f} images/s "
            f"({value['convolutions_rate']:,.0f})"
        )
    return json.dumps(value)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, help="for all of it: 450 on a GPU, 170 on a CPU")
    parser.add_argument("--threads", type=int, help="of a process; as torch has them without")
    parser.add_argument("--short", action="store_true", help="only see that it works")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables")
    parser.add_argument("--json", type=Path, help="a file for the figures, device, versions and commit")
    asked = parser.parse_args(arguments)
    cuda, variables = torch.cuda.is_available(), dict(os.environ)
    if asked.threads:
        variables["OMP_NUM_THREADS"] = str(asked.threads)
    s = Session(asked.seconds or (450 if cuda else 170), variables)
    about = {
        "device": environment.describe_device(torch.device("cuda" if cuda else "cpu")),
        "processors": os.cpu_count(),
        "threads of a part": int(variables.get("OMP_NUM_THREADS", torch.get_num_threads())),
        "versions": environment.versions(),
        "commit": environment.commit(),
        "date": environment.now(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    (short if asked.short else gpu if cuda else cpu)(s)
    about["seconds"] = round(s.seconds - s.left)
    if asked.json:
        asked.json.write_text(json.dumps({"about": about, "found": s.found, "remarks": s.remarks}, indent=1) + "\n")
    console = Console()
    for one in tables(s):
        if asked.markdown:
            print(one.markdown())
        else:
            console.print(one.rich())
    print(json.dumps(about))


if __name__ == "__main__":
    main()
