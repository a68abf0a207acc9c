"""Processes that are threads, each with a clock: a step takes one unit of time, and what is sent takes none."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field

import torch


@dataclass
class Wires:
    """What lies between the threads: a queue for each pair of them, a board that all read, and one barrier."""

    count: int
    queues: dict = field(default_factory=dict)
    board: list = field(default_factory=list)

    def __post_init__(self):
        self.queues = {(a, b): queue.Queue() for a in range(self.count) for b in range(self.count)}
        self.barrier = threading.Barrier(self.count)
        self.board = [None] * self.count


class Thread:
    """A `Team` of one of the threads. sent: how many messages it has sent."""

    def __init__(self, place, wires):
        self.place, self.count, self.wires = place, wires.count, wires
        self.clock = self.sent = 0

    def send(self, state, to):
        self.sent += 1
        self.wires.queues[self.place, to].put((self.clock, tuple(t.clone() for t in state)))
        return lambda: None

    def receive(self, like, source):
        clock, state = self.wires.queues[source, self.place].get(timeout=20)
        assert [t.shape for t in state] == [t.shape for t in like]
        self.clock = max(self.clock, clock)
        return state

    def all(self, value):
        """What each of them has."""
        self.wires.board[self.place] = (self.clock, value)
        self.wires.barrier.wait(timeout=20)
        found = list(self.wires.board)
        self.wires.barrier.wait(timeout=20)
        self.clock = max(clock for clock, _ in found)
        return [value for _, value in found]

    def spread(self, state, source):
        return self.all(state)[source]

    def total(self, flat):
        found = self.all(flat)
        return torch.stack(found).sum(0)


def together(count, work):
    """What ``work(team)`` gives in each of so many threads, and their teams."""
    wires = Wires(count)
    teams = [Thread(place, wires) for place in range(count)]
    found, failed = [None] * count, []

    def run(place):
        try:
            found[place] = work(teams[place])
        except Exception as error:  # told in the thread of the test
            failed.append(error)
            wires.barrier.abort()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return found, teams
