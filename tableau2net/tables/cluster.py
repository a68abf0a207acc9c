"""Workers as Ray tasks, on this machine or on a cluster whose machines share the folder of the runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tableau2net.children import safely
from tableau2net.declared import plain, read
from tableau2net.errors import InputError
from tableau2net.tables.grid import TableRun
from tableau2net.tables.work import Outcome, Spec, work

PATIENCE = 10.0  # seconds for a cluster to answer


class Task:
    """A Ray task at a run."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self.ray, self.reference = ray, reference

    def poll(self) -> Outcome | None:
        """See `Worker`."""
        ready, _ = self.ray.wait([self.reference], timeout=0)
        if not ready:
            return None
        try:
            return Outcome(**self.ray.get(self.reference))
        except self.ray.exceptions.TaskCancelledError:
            return Outcome("stopped", "SIGINT")
        except self.ray.exceptions.RayError as error:
            said = str(error).strip()
            return Outcome("died", f"its Ray task ended: {(said.splitlines() or [type(error).__name__])[-1][:300]}")

    def stop(self) -> None:
        """See `Worker`."""
        self.ray.cancel(self.reference, force=False)

    def kill(self) -> None:
        """See `Worker`."""
        self.ray.cancel(self.reference, force=True)


class Cluster:
    """Starts a Ray task for each run; Ray decides where and when. A context: it is joined, and left again.

    address: of a cluster, or "local".  jobs: runs at the same time at most; None takes what the cluster has room for.
    A run takes one GPU where its device is one or the cluster has any, else one core.

    Raises InputError where Ray is not installed, or the cluster cannot be joined.
    """

    threads = 1

    def __init__(self, address: str, jobs: int | None, runs: Sequence[TableRun]) -> None:
        try:
            import ray
        except ImportError:
            raise InputError("--ray: Ray is not installed; pip install 'tableau2net[ray]'") from None
        self.ray: Any = ray
        local = address == "local"
        try:
            _knock(address)
            with safely():
                self.ray.init(
                    address=None if local else address,
                    num_cpus=jobs if local else None,
                    include_dashboard=False if local else None,
                    log_to_driver=False,
                    logging_level="ERROR",
                )
        except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"--ray {address[:60]}: cannot be joined ({said[:200]}); write local, or HOST:PORT"
            ) from None
        there = self.ray.cluster_resources()
        on_gpu = there.get("GPU", 0) >= 1 and not all(run.asked.execution.device == "cpu" for run in runs)
        self.at_once = jobs or max(1, int(there.get("GPU" if on_gpu else "CPU", 1)))
        self.task = self.ray.remote(num_cpus=1, num_gpus=1 if on_gpu else 0, max_retries=0)(_task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ray.shutdown()

    def start(self, spec: Spec) -> Task:
        """See `Workers`. Raises InputError where what it is told cannot be written down."""
        spec.write()
        return Task(self.ray, self.task.remote(_absolute(spec), os.getcwd()))


def _knock(address: str) -> None:
    """Raises OSError where nobody answers at HOST:PORT, which Ray itself would wait for by minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit() and int(port) < 2**16:
        socket.create_connection((host, int(port)), PATIENCE).close()


def _absolute(spec: Spec) -> dict[str, Any]:
    """A spec as plain values, for another machine: files by their whole paths."""
    data = replace(spec.run.data, data_dir=str(Path(spec.run.data.data_dir).resolve()))
    told: dict[str, Any] = plain(replace(spec, run=replace(spec.run, data=data)))
    return told


def _task(spec: dict[str, Any], where: str) -> dict[str, Any]:
    """What runs on a machine of the cluster, from the folder where the table was started, where it has that."""
    if Path(where).is_dir():
        os.chdir(where)
    return vars(work(read(Spec, spec, "task")))
