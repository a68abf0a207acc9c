"""Candidates under torch.compile, and captured as a CUDA graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import FunctionType

import torch
from torch import Tensor
from torch._logging._internal import set_logs

from benchmarks.candidate import Candidate, Forward


def apart(forward: Forward) -> Forward:
    """The same function with code of its own: what is compiled is remembered by code object, and where candidates share
    one, each call would try the guards of the others too."""
    assert isinstance(forward, FunctionType)
    code = forward.__code__.replace()
    return FunctionType(code, forward.__globals__, forward.__name__, forward.__defaults__, forward.__closure__)


def compiled(candidate: Candidate) -> Candidate | str:
    """The candidate under torch.compile, made and warm, or why it does not compile. Compiling is outside all clocks."""
    reason = ""
    for fullgraph in (True, False):
        forward = torch.compile(apart(candidate.forward), fullgraph=fullgraph, dynamic=False)
        try:
            with torch.no_grad():
                forward()
            forward().sum().backward()  # type: ignore[no-untyped-call]
        except Exception as error:
            reason = f"{candidate.name}: {type(error).__name__}"
            continue
        note = "" if fullgraph else "graph breaks"
        return replace(candidate, name=f"{candidate.name}, compiled", forward=forward, eager=False, note=note)
    return reason


def with_compiled(candidates: Sequence[Candidate], names: Iterable[str]) -> tuple[list[Candidate], list[str]]:
    """The candidates and the compiled forms of those named, and why others are missing."""
    torch.compiler.reset()  # one function serves many candidates, and what is remembered of it is limited
    wanted, found, missing = set(names), list(candidates), list[str]()
    set_logs(dynamo=logging.ERROR)  # its report of graph breaks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for candidate in candidates:
            if candidate.name in wanted:
                made = compiled(candidate)
                if isinstance(made, str):
                    missing.append(made)
                else:
                    found.append(made)
    return found, missing


def captured(candidate: Candidate, state: Tensor) -> Candidate | str:
    """Replays of the candidate as CUDA graphs, forward and with backward, or why it cannot be captured."""
    stream = torch.cuda.Stream(state.device)  # type: ignore[no-untyped-call]
    gradient = torch.randn_like(candidate.forward())

    def alone() -> None:
        with torch.no_grad():
            candidate.forward()

    def both() -> None:
        torch.autograd.backward(candidate.forward(), gradient)

    graphs = []
    try:
        for run in (alone, both):
            stream.wait_stream(torch.cuda.current_stream(state.device))
            with torch.cuda.stream(stream):
                for _ in range(3):
                    run()
            torch.cuda.current_stream(state.device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream):
                run()
            graphs.append(graph)
    except Exception as error:
        torch.cuda.synchronize(state.device)
        return f"{candidate.name}: not captured ({type(error).__name__})"
    forward, whole = graphs
    timed = (forward.replay, whole.replay)
    return replace(candidate, name=f"{candidate.name}, captured", eager=False, timed=timed)


def with_captured(candidates: Sequence[Candidate], state: Tensor) -> tuple[list[Candidate], list[str]]:
    """The candidates and what could be captured of those without times of their own; and why others are missing."""
    found, missing = list(candidates), list[str]()
    for candidate in candidates:
        if "adaptive" in candidate.name or not candidate.eager:
            continue  # an adaptive step asks the host, which no graph can hold
        made = captured(candidate, state)
        if isinstance(made, str):
            missing.append(made)
        else:
            found.append(made)
    return found, missing
