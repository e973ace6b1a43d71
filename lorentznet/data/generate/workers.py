"""Chunks in parallel: who makes a chunk, and when, has no influence on the jets.

The jets of a process are those of its chunks 0, 1, 2, ... in this order, cut off at the number wanted. Chunks are handed to
worker processes one at a time; a run that is interrupted leaves no worker behind.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from lorentznet.data.generate.chunk import BATCH, Settings, make
from lorentznet.data.generate.selecting import Jets
from lorentznet.errors import LorentznetError

_FIRST_GUESS = 0.3  # jets per event, before a chunk is seen


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Stream:
    """The jets of one process, from its chunks in order.

    Parameters
    ----------
    process
        Name of the process.
    wanted
        Number of jets.
    events
        Number of events of a chunk.
    """

    def __init__(self, process: str, wanted: int, events: int) -> None:
        self.process = process
        self.wanted = wanted
        self._guess = _FIRST_GUESS * events
        self._chunks: dict[int, Jets] = {}
        self._given = 0

    @property
    def missing(self) -> int:
        """Jets that are wanted beyond those of the unbroken row of chunks from 0."""
        row = 0
        while row in self._chunks:
            row += 1
        return self.wanted - sum(len(self._chunks[k]) for k in range(row))

    @property
    def kept(self) -> int:
        """Jets made so far, at most the wanted number."""
        return min(self.wanted, sum(map(len, self._chunks.values())))

    @property
    def promised(self) -> float:
        """Fraction of the wanted jets that is made or, as far as one can tell, in the making."""
        made, chunks = sum(map(len, self._chunks.values())), len(self._chunks)
        return (made + (self._given - chunks) * (made / chunks if made else self._guess)) / self.wanted

    @property
    def idle(self) -> bool:
        """True if jets are missing and nobody is making any."""
        return self._given == len(self._chunks) and self.missing > 0

    @property
    def useful_workers(self) -> int:
        """Chunks that are worth making at the same time."""
        return math.ceil(self.wanted / self._guess)

    def next_chunk(self) -> int:
        """Number of the next chunk to make."""
        self._given += 1
        return self._given - 1

    def add(self, chunk: int, jets: Jets) -> None:
        """Take the jets of a chunk."""
        self._chunks[chunk] = jets

    def jets(self) -> Jets:
        """All wanted jets."""
        return Jets.joined([self._chunks[k] for k in sorted(self._chunks)])[: self.wanted]


def run(wanted: dict[str, int], settings: Settings, workers: int, progress: Callable[[int], None]) -> dict[str, Jets]:
    """Make the jets of several processes.

    Parameters
    ----------
    wanted
        Number of jets for each process.
    settings
        What decides about the jets.
    workers
        Most worker processes to use; with 1 the work is done here.
    progress
        Called with the number of new jets.

    Raises
    ------
    LorentznetError
        If a worker process is killed.
    """
    streams = [Stream(process, number, settings.batches * BATCH) for process, number in wanted.items()]
    done = 0
    useful = sum(stream.useful_workers for stream in streams)
    for stream, chunk, jets in _made(streams, settings, min(workers, useful)):
        stream.add(chunk, jets)
        new = sum(s.kept for s in streams)
        progress(new - done)
        done = new
    return {stream.process: stream.jets() for stream in streams}


def _made(streams: list[Stream], settings: Settings, workers: int) -> Iterator[tuple[Stream, int, Jets]]:
    """Chunks as they are finished, until no jet is missing."""
    if workers == 1:
        for stream in streams:
            while stream.missing > 0:
                chunk = stream.next_chunk()
                yield stream, chunk, make(stream.process, chunk, settings, stream.missing)
        return
    with _crew(workers) as crew:
        free = list(crew)
        at_work: dict[Connection, tuple[Stream, int]] = {}
        while any(stream.missing > 0 for stream in streams):
            while free and (neediest := _neediest(streams)):
                worker, chunk = free.pop(), neediest.next_chunk()
                _order(worker, crew[worker], (neediest.process, chunk, settings, neediest.missing))
                at_work[worker] = (neediest, chunk)
            for worker in [connection for connection in wait(list(at_work)) if isinstance(connection, Connection)]:
                stream, chunk = at_work.pop(worker)
                jets = _answer(worker, crew[worker])
                free.append(worker)
                yield stream, chunk, jets


def _neediest(streams: list[Stream]) -> Stream | None:
    """The stream that the next chunk should be of, if one is to be made at all."""
    short = [stream for stream in streams if stream.idle or stream.promised < 1]
    return min(short, key=lambda stream: stream.promised, default=None)


def _order(worker: Connection, process: BaseProcess, order: tuple[str, int, Settings, int]) -> None:
    try:
        worker.send(order)
    except (BrokenPipeError, ConnectionResetError):
        raise _lost(process) from None


def _answer(worker: Connection, process: BaseProcess) -> Jets:
    try:
        answer = worker.recv()
    except (EOFError, ConnectionResetError):
        raise _lost(process) from None
    if isinstance(answer, Jets):
        return answer
    raise RuntimeError(f"a worker process of the generator failed:\n{answer}")


def _lost(process: BaseProcess) -> LorentznetError:
    """What to say when a worker is gone."""
    process.join(5)
    return LorentznetError(
        f"a worker process of the generator ended with code {process.exitcode}; it may lack memory: use fewer --workers"
        " (a Python script must call generate below if __name__ == '__main__')"
    )


@contextmanager
def _crew(workers: int) -> Iterator[dict[Connection, BaseProcess]]:
    """Worker processes and the connections to them; they are ended when the block is left, however that happens."""
    context = multiprocessing.get_context("spawn")
    crew: dict[Connection, BaseProcess] = {}
    try:
        with _ctrl_c_ignored():  # workers inherit it, from their first moment: only this process answers to Ctrl-C
            for _ in range(workers):
                here, there = context.Pipe()
                process: BaseProcess = context.Process(target=_serve, args=(there,), daemon=True)
                process.start()
                there.close()
                crew[here] = process
        yield crew
    finally:
        for connection, worker in crew.items():
            worker.terminate()
            connection.close()
        for worker in crew.values():
            worker.join()


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Any = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def _serve(connection: Connection) -> None:
    """A worker: make chunks until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            order = connection.recv()
        except EOFError:
            return
        try:
            answer: Jets | str = make(*order)
        except Exception:
            answer = traceback.format_exc()
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
