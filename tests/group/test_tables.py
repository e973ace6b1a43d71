import torch

from lorentznet.group import CliffordAlgebra, Irrep, IrrepPair, real_clebsch_gordan
from lorentznet.group.tables import table


def test_tables_are_built_once_per_label():
    built = []

    @table
    def ramp(length: int) -> torch.Tensor:
        """A ramp."""
        built.append(length)
        return torch.arange(length)

    assert ramp(3) is ramp(3)
    assert ramp(4).tolist() == [0, 1, 2, 3]
    assert built == [3, 4]
    assert ramp.__doc__ == "A ramp."


def test_tables_first_wanted_in_inference_mode_serve_training():
    with torch.inference_mode():
        tensor = real_clebsch_gordan(IrrepPair(5, 1), Irrep(0, 0), IrrepPair(5, 1))
        cayley = CliffordAlgebra(2, 2).cayley
    assert not cayley.is_inference()
    again = real_clebsch_gordan(IrrepPair(5, 1), Irrep(0, 0), IrrepPair(5, 1))
    assert not again.is_inference()
    assert torch.equal(tensor, again)
    x = torch.ones(16, dtype=torch.float64, requires_grad=True)
    CliffordAlgebra(2, 2).product(x, x).sum().backward()
    assert x.grad is not None


def test_tables_stay_on_the_cpu():
    with torch.device("meta"):
        cayley = CliffordAlgebra(0, 4).cayley
    assert cayley.device.type == "cpu"
