"""The C kernel of sums over pairs: built once by the C compiler of the machine, called on the memory of tensors.

It takes a compiler that knows the vector extensions of GCC (GCC or Clang) and less than a second; the library is kept in
``$XDG_CACHE_HOME/lorentznet`` (``~/.cache/lorentznet``) for the processor that it was made for. Without a compiler the same sums are made
of ordinary tensor operations; ``logging`` says why at level ``INFO``.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("pair_kernel.c")
_FLAGS = ("-O3", "-march=native", "-Wno-psabi", "-std=gnu11", "-shared", "-fPIC")
_ARGUMENTS = 3
_PAIRS_OF_A_THREAD = 20_000
"""Pairs of particles for which it is worth to start a thread."""

_log = logging.getLogger(__name__)


class _Problem(ctypes.Structure):
    """The structure ``problem`` of the C code."""

    _fields_ = (
        ("values", ctypes.c_void_p * _ARGUMENTS),
        ("shift", ctypes.c_void_p * _ARGUMENTS),
        ("low", ctypes.c_float * _ARGUMENTS),
        ("scale", ctypes.c_float * _ARGUMENTS),
        ("number", ctypes.c_int64 * _ARGUMENTS),
        ("real", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("components", ctypes.c_void_p),
        ("channels", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("groups", "rows", "weight_count", "functions", "jets", "width")),
    )


@torch.compiler.assume_constant_result
def available() -> bool:
    """Whether the kernel could be built, or had been."""
    return _library() is not None


class Problem:
    """What the sums of a call have in common, kept alive while C works on it.

    Parameters
    ----------
    values
        Up to three arguments of bells, float32, shape (jets, width, width), symmetric.
    shifts
        What is added to all values of a jet, shape (jets,), or None.
    ranges
        Of each argument the number of bells, the lowest centre and the distance of centres.
    real
        True for a particle, shape (jets, width).
    weights
        W, float32, shape (weights of all groups, functions); functions are all bells, then 1.
    components, channels
        Of each group of rows of x; a row is component * channels + channel.
    """

    def __init__(
        self,
        values: Sequence[Tensor],
        shifts: Sequence[Tensor | None],
        ranges: Sequence[tuple[int, float, float]],
        real: Tensor,
        weights: Tensor,
        components: Sequence[int],
        channels: Sequence[int],
    ) -> None:
        self._kept = [*(value.contiguous() for value in values), real.contiguous(), weights.contiguous()]
        *arguments, real, weights = self._kept
        self._shifts = [None if shift is None else shift.contiguous() for shift in shifts]
        self._sizes = [(ctypes.c_int64 * len(sizes))(*sizes) for sizes in (components, channels)]
        self.rows = sum(k * c for k, c in zip(components, channels, strict=True))
        self.weights, self.jets, self.width = weights, *real.shape
        pairs, functions = (self.jets, self.width, self.width), 1 + sum(number for number, _, _ in ranges)
        self._expect(*((value, pairs) for value in arguments), (weights, (sum(channels), functions)))
        c = self._c = _Problem(
            real=real.data_ptr(),
            weights=weights.data_ptr(),
            components=ctypes.addressof(self._sizes[0]),
            channels=ctypes.addressof(self._sizes[1]),
            groups=len(components),
            rows=self.rows,
            weight_count=weights.shape[0],
            functions=weights.shape[1],
            jets=self.jets,
            width=self.width,
        )
        for n, (value, shift, (number, low, spacing)) in enumerate(zip(arguments, self._shifts, ranges, strict=True)):
            c.values[n] = value.data_ptr()
            c.shift[n] = None if shift is None else shift.data_ptr()
            c.number[n], c.low[n], c.scale[n] = number, low, 1 / spacing

    def _expect(self, *given: tuple[Tensor, tuple[int, ...]]) -> None:
        """C code does not look where it reads."""
        for tensor, shape in given:
            if tensor.dtype != torch.float32 or tuple(tensor.shape) != shape:
                raise ValueError(f"expected float32 of shape {shape}, got {tensor.dtype} of shape {tuple(tensor.shape)}")

    def sums(self, x: Tensor) -> Tensor:
        """y_i = sum_j f_ij x_j, shape (rows, jets, width) as x."""
        self._expect((x, (self.rows, self.jets, self.width)))
        x = x.contiguous()
        y = torch.empty_like(x)
        self._in_threads(lambda first, stop: _loaded().pair_sums(self._reference, first, stop, x.data_ptr(), y.data_ptr()))
        return y

    def gradients(self, x: Tensor, gradient: Tensor, by_x: bool, by_weights: bool) -> tuple[Tensor | None, Tensor | None]:
        """The gradients by x and by the weights, those that are wanted, from that of y."""
        self._expect(*((given, (self.rows, self.jets, self.width)) for given in (x, gradient)))
        x, gradient = x.contiguous(), gradient.contiguous()
        of_x = torch.empty_like(x) if by_x else None
        # each jet has a place of its own: the result does not depend on the number of threads
        of_weights = x.new_empty((self.jets, *self.weights.shape)) if by_weights else None
        pointers = [None if found is None else found.data_ptr() for found in (x, gradient, of_x, of_weights)]
        self._in_threads(lambda first, stop: _loaded().pair_sums_backward(self._reference, first, stop, *pointers))
        return of_x, None if of_weights is None else of_weights.sum(0)

    @property
    def _reference(self) -> ctypes._Pointer[_Problem]:
        return ctypes.pointer(self._c)

    def _in_threads(self, call: Callable[[int, int], int]) -> None:
        """Call with ranges of jets, as many as torch has threads; C code does not hold the interpreter's lock."""
        number = max(1, min(torch.get_num_threads(), self.jets, self.jets * self.width**2 // _PAIRS_OF_A_THREAD))
        limits = [n * self.jets // number for n in range(number + 1)]
        done: list[int] = []
        others = [
            threading.Thread(target=lambda *limits: done.append(call(*limits)), args=limits[n : n + 2]) for n in range(1, number)
        ]
        for thread in others:
            thread.start()
        done.append(call(*limits[:2]))
        for thread in others:
            thread.join()
        if len(done) < number or not all(done):
            raise MemoryError(f"no memory for sums over the pairs of {self.jets} jets of up to {self.width} particles")


def _loaded() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise RuntimeError("the kernel of sums over pairs was not built")
    return library


@cache
def _library() -> ctypes.CDLL | None:
    compiler = next(
        (found for name in (os.environ.get("CC"), "cc", "gcc", "clang") if name and (found := shutil.which(name))), None
    )
    if compiler is None:
        _log.info(
            "no C compiler (cc, gcc, clang, or what CC names): sums over pairs are made of tensor operations, which takes longer"
        )
        return None
    try:
        library = ctypes.CDLL(str(_built(compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or error
        _log.info("%s could not build %s: sums over pairs are made of tensor operations (%s)", compiler, SOURCE.name, detail)
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.pair_sums.argtypes = [ctypes.POINTER(_Problem), number, number, pointer, pointer]
    library.pair_sums_backward.argtypes = [ctypes.POINTER(_Problem), number, number, *[pointer] * 4]
    return library


def _built(compiler: str) -> Path:
    """The library for this source, compiler and processor, made unless it is there."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    what = "\n".join((SOURCE.read_text(), version, *_FLAGS, _processor()))
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lorentznet"
    path = folder / f"pair_kernel-{hashlib.sha256(what.encode()).hexdigest()[:16]}.so"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder))
    except OSError:  # a home that cannot be written to: for this process alone
        made = Path(tempfile.mkdtemp())
        path = made / path.name
    unfinished = made / "unfinished.so"
    subprocess.run(
        [compiler, *_FLAGS, "-o", str(unfinished), str(SOURCE)], capture_output=True, text=True, check=True, timeout=300
    )
    unfinished.replace(path)  # at once: other processes may build it too
    if made != path.parent:
        made.rmdir()
    return path


def _processor() -> str:
    """What tells processors with different instructions apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(next((line for line in lines if line.startswith(kind)), "") for kind in ("model name", "flags", "Features"))
