"""Networks that were made elsewhere as taggers: any torch module, and any ONNX file, of padded momenta and a mask.

>>> import torch
>>> def log_mass(momenta, mask):  # shape (jets, particles, 4), zero where the mask, (jets, particles), is False
...     total = momenta.sum(1)
...     return 0.5 * (total[:, :1].square() - total[:, 1:].square().sum(1, keepdim=True)).log()
>>> tagger = ModuleTagger(log_mass, symmetry="O+(1,3)")
>>> from lorentznet.testing import toy_jets
>>> tagger(toy_jets(3)).shape
torch.Size([3, 1])

An adapted tagger is measured as it is given, in the lab frame. If its function is invariant (``symmetry`` holds SO+(1,3)) it may look at
each jet from the jet's own rest frame, found in float64, like the taggers of this package: it then has both front ends, and the difference
is what that one is worth to it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import CheckpointError, ConfigError, MissingExtraError, nearest
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.kinematics import boost_to_rest, to_dense
from lorentznet.taggers.base import Tagger

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class AdapterConfig:
    """Settings of an adapted network.

    Attributes
    ----------
    classes
        Number of classes.
    references
        Reference vectors that the network reads, see :data:`lorentznet.nn.references.REFERENCES`.
    symmetry
        Name of the largest group that leaves its logits unchanged, references transformed along; ``"1"`` if nothing is known.
    """

    classes: int = 2
    references: tuple[str, ...] = ()
    symmetry: str = "1"


class DenseTagger(Tagger):
    """A tagger that is a function of padded momenta in GeV, a mask, and, if it reads any, reference vectors."""

    name: ClassVar[str] = "adapted"
    citation: ClassVar[str] = ""
    Config: ClassVar[type] = AdapterConfig
    presets: ClassVar[dict[str, Any]] = {}

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__(config)
        self.architecture = str(Subgroup.of(config.symmetry))
        self.frame = FrameConditioner("keep", config.references)
        self.frame.conditioning = "lab"

    @abstractmethod
    def logits(self, momenta: Tensor, mask: Tensor, references: Tensor) -> Tensor:
        """Logits, shape (jets, 1 or classes), of float64 momenta (jets, particles, 4), mask and references (jets, number, 4)."""

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits, shape (jets, 1 or classes)."""
        batch = self.with_references(batch)
        momenta, mask = to_dense(batch.p4, batch.ptr, batch.batch)
        references = batch.references if self.config.references else momenta.new_zeros((len(momenta), 0, 4))
        if self.frame.conditioning == "frame":
            seen = self.frame(batch, torch.float64)
            momenta = seen.momenta * seen.boosts[-1][1][:, None, None]
            for total, mass in seen.boosts:
                references = boost_to_rest(references, total, mass)
        return self.logits(momenta, mask, references)

    @property
    def symmetry(self) -> Subgroup:
        """What was declared; if references are read, nothing is known of them held fixed."""
        return Subgroup.of("1" if self.config.references else self.config.symmetry)

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the laboratory's reference vectors attached, if the network reads any."""
        return self.frame.with_references(batch)

    def in_frame(self, conditioning: str) -> Tagger:
        """Switch the front end to ``"frame"`` or ``"lab"``; :class:`ConfigError` if the function is not invariant under boosts."""
        if not Subgroup.of("SO+(1,3)") <= Subgroup.of(self.config.symmetry):
            return super().in_frame(conditioning)
        if conditioning not in ("frame", "lab"):
            raise ConfigError(f"unknown conditioning '{conditioning}'; {nearest(conditioning, ('frame', 'lab'))}")
        self.frame.conditioning = conditioning  # type: ignore[assignment]
        return self


class ModuleTagger(DenseTagger):
    """Any torch module, or function, as a tagger.

    Parameters
    ----------
    module
        ``module(momenta, mask)``, or ``module(momenta, mask, references)`` if it reads reference vectors, to logits of shape (jets,),
        (jets, 1) (log-odds of class 1) or (jets, classes). Momenta (E, px, py, pz) in GeV are (jets, particles, 4), zero where the
        mask, (jets, particles) bool, is False; references are (jets, number, 4). Both are in the dtype of the module.
    classes, references, symmetry
        See :class:`AdapterConfig`.
    name
        Name in tables.
    """

    def __init__(
        self,
        module: nn.Module | Function,
        classes: int = 2,
        references: Sequence[str] = (),
        symmetry: str = "1",
        name: str = "module",
    ) -> None:
        super().__init__(AdapterConfig(classes, tuple(references), symmetry))
        self.module = module
        self.name = name  # type: ignore[misc]
        self.register_buffer("unit", torch.ones(()), persistent=False)  # has the dtype that a function without parameters lacks

    def logits(self, momenta: Tensor, mask: Tensor, references: Tensor) -> Tensor:
        """The module's answer in its dtype."""
        dtype = next(iter((*self.parameters(), *self.buffers()))).dtype
        further = (references.to(dtype),) if self.config.references else ()
        logits: Tensor = self.module(momenta.to(dtype), mask, *further)
        return logits[:, None] if logits.ndim == 1 else logits


class OnnxFile:
    """An ONNX file that onnxruntime has opened; see :class:`OnnxTagger`. Copies share it."""

    def __init__(self, path: str | Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError(
                f"{path}: needs onnxruntime, which is not installed: pip install 'lorentznet[onnx]'"
            ) from None
        if not Path(path).is_file():
            raise CheckpointError(f"{path}: no such file; give an ONNX file, a checkpoint or the name of pretrained weights")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of errors for every cause, none of them public
            raise CheckpointError(f"{path}: onnxruntime cannot read it ({str(error).splitlines()[0]})") from None
        inputs = {len(item.shape): item for item in self.session.get_inputs()}
        if set(inputs) != {2, 3} or len(self.session.get_inputs()) != 2 or inputs[3].shape[2] != 4:
            found = ", ".join(f"{item.name} {item.shape}" for item in self.session.get_inputs())
            raise CheckpointError(f"{path}: needs inputs (jets, particles, 4) and (jets, particles), has {found}")
        self.momenta, self.mask = inputs[3], inputs[2]
        output = self.session.get_outputs()[0]
        self.probabilities = any(word in output.name.casefold() for word in ("softmax", "prob"))
        classes = output.shape[1] if len(output.shape) > 1 else 1
        self.classes = max(2, classes) if isinstance(classes, int) else 2
        self.symmetry = self.session.get_modelmeta().custom_metadata_map.get("symmetry", "1")
        self.dtype = "float64" if self.momenta.type == "tensor(double)" else "float32"

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxFile:
        return self

    def logits(self, momenta: Tensor, mask: Tensor) -> Tensor:
        """Logits, shape (jets, 1 or classes); of probabilities their logarithms, of a single one its log-odds."""
        types = {"tensor(double)": np.float64, "tensor(bool)": np.bool_, "tensor(int64)": np.int64}
        given: dict[str, np.ndarray[Any, Any]] = {
            item.name: value.cpu().numpy().astype(types.get(item.type, np.float32))
            for item, value in ((self.momenta, momenta), (self.mask, mask))
        }
        found = torch.from_numpy(np.asarray(self.session.run(None, given)[0], np.float64))
        found = found[:, None] if found.ndim == 1 else found
        if not self.probabilities:
            return found
        return found.log() if found.shape[1] > 1 else torch.logit(found)


class OnnxTagger(DenseTagger):
    """An ONNX file as a tagger, run by onnxruntime on the CPU in the precision that it was written in.

    The file has an input of three axes, momenta (jets, particles, 4) as in :class:`ModuleTagger`, and one of two, the mask (jets,
    particles), boolean or a number that is 1 for a particle. The sizes of their first two axes may be fixed. Its first output, shape
    (jets,), (jets, 1) or (jets, classes), holds logits, or probabilities if ``softmax`` or ``prob`` is in its name. ``symmetry`` in
    its metadata is taken as that of :class:`AdapterConfig`.

    Parameters
    ----------
    path
        The file; its stem is the tagger's name.

    Raises
    ------
    MissingExtraError
        If onnxruntime is not installed.
    CheckpointError
        If there is no such file, it is no network, or has other inputs.
    """

    def __init__(self, path: str | Path) -> None:
        file = OnnxFile(path)
        super().__init__(AdapterConfig(file.classes, (), file.symmetry))
        self.file = file
        self.name = Path(path).stem  # type: ignore[misc]
        self.fixed_dtype = file.dtype

    def logits(self, momenta: Tensor, mask: Tensor, references: Tensor) -> Tensor:
        """The file's answer, in pieces if it takes so many jets at a time only."""
        jets, particles = self.file.momenta.shape[:2]
        further = particles - momenta.shape[1] if isinstance(particles, int) else 0
        if further < 0:
            raise ConfigError(f"'{self.name}' takes {particles} particles of a jet, and there is a jet of {momenta.shape[1]}")
        momenta, mask = nn.functional.pad(momenta, (0, 0, 0, further)), nn.functional.pad(mask, (0, further))
        size = jets if isinstance(jets, int) else max(1, len(momenta))
        missing = -len(momenta) % size
        filled = nn.functional.pad(momenta, (0, 0, 0, 0, 0, missing)), nn.functional.pad(mask, (0, 0, 0, missing))
        pieces = [self.file.logits(*piece) for piece in zip(*(torch.split(part, size) for part in filled), strict=True)]
        return torch.cat(pieces)[: len(momenta)]
