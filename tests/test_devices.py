"""The simulated GPU computes as the CPU does and refuses what CUDA refuses."""

import pytest
import torch
import torch.nn.functional as F

from autograder.devices import device, simulated_gpu


@pytest.fixture
def gpu():
    with simulated_gpu() as device:
        yield device


@pytest.fixture
def x(gpu):
    return torch.arange(-6.0, 6.0).reshape(3, 4).to(gpu)


def test_the_device_is_the_machine_s():
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def written(x, place):
    x[place] = 7.0
    return x


WORKS = {
    "arithmetic": lambda x: 2 * x + x / 3 - x**2,
    "a CPU number": lambda x: x * torch.tensor(2.0),
    "where with numbers": lambda x: torch.where(x > 0, x, 0.0),
    "boolean index": lambda x: x[x > 0],
    "CPU index": lambda x: x[torch.tensor([0, 2])],
    "a list as index": lambda x: x[[2, 0]],
    "lists among indices": lambda x: x[..., [3, 1, 0]] + x[[0, 1, 2], 1:2],
    "a tuple among indices": lambda x: x[:, (3, 1)],
    "a list of truths": lambda x: x[[True, False, True]],
    "a list of none": lambda x: x[[]],
    "writing through a list": lambda x: written(x.clone(), [2, 0]),
    "matmul": lambda x: x @ x.T,
    "einsum": lambda x: torch.einsum("nd,md->nm", x, x),
    "reduction": lambda x: x.amax(dim=1),
    "gather": lambda x: x.gather(1, x.argmax(dim=1, keepdim=True)),
    "zeros on the device": lambda x: x + torch.zeros(3, 4, device=x.device),
    "tensor on the device": lambda x: x + torch.tensor([1.0, 2.0, 3.0, 4.0], device=x.device),
    "arange on the device": lambda x: x + torch.arange(4, device=x.device),
    "eye on the device": lambda x: torch.eye(3, device=x.device) @ x,
    "new_tensor": lambda x: x + x.new_tensor([1.0, 2.0, 3.0, 4.0]),
    "new_zeros": lambda x: x + x.new_zeros(4),
    "ones_like": lambda x: torch.ones_like(x) * x,
    "to another's place": lambda x: torch.ones(4).to(x) * x,
    "double": lambda x: x.double(),
    "stack of rows": lambda x: torch.stack([row.sum() for row in x]),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "pad": lambda x: F.pad(x, (1, 1)),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3, 0.4]).to(x.device)),
    "linear": lambda x: F.linear(x, x),
}


@pytest.mark.parametrize("operation", WORKS.values(), ids=WORKS.keys())
def test_values_are_those_of_the_cpu(x, operation):
    result = operation(x)
    assert result.device.type == "simgpu"
    torch.testing.assert_close(result.cpu(), operation(x.cpu()), rtol=0, atol=0)


REFUSED = {
    "adding a CPU tensor": lambda x: x + torch.zeros(3, 4),
    "to a CPU tensor": lambda x: torch.zeros(3, 4) + x,
    "where": lambda x: torch.where(x > 0, x, torch.zeros(3, 4)),
    "maximum": lambda x: torch.maximum(x, torch.zeros(1)),
    "matmul": lambda x: x @ torch.zeros(4, 2),
    "cat": lambda x: torch.cat([x, torch.zeros(1, 4)]),
}


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED.keys())
def test_tensors_of_two_devices_do_not_mix(x, operation):
    with pytest.raises(RuntimeError, match="same device"):
        operation(x)


def test_numpy_is_refused_as_on_cuda(x):
    with pytest.raises(RuntimeError, match=r"numpy\(\)"):
        x.numpy()


def test_assignment_crosses_devices(x):
    there, here = x.clone(), torch.zeros(3, 4)
    there[0], here[0] = torch.ones(4), x[0]
    assert there[0].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert here[0].tolist() == x[0].tolist()
    assert here.device.type == "cpu"


def test_views_share_memory(x):
    copy = x.clone()
    copy.view(-1)[:4].mul_(10)
    copy[copy < -10] = 0
    torch.testing.assert_close(copy[0].cpu(), torch.zeros(4))


def test_numbers_come_back(x):
    assert x[0, 0].item() == -6.0
    assert f"{x[0, 0]:.1f}" == "-6.0"
    assert bool((x < 0).any())
    assert "simgpu" in repr(x)
