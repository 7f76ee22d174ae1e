"""What torch may take away: it is used in one module, and a check works without it."""

import ast
import subprocess
import sys

import pytest
import torch

from autograder.course import ROOT
from autograder.internals import fans_of

SOURCES = sorted((ROOT / "autograder").rglob("*.py"))


def private(path):
    """Names of torch with an underscore in front that a module uses, by import or as an attribute of ``torch``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
        names += [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        # The names of operations are promised, and some begin with it.
        names = [name for name in names if name.startswith("torch.") and not name.startswith("torch.ops.")]
        found += [name for name in names if any(part[:1] == "_" for part in name.split("."))]
    return found


def test_only_one_module_uses_what_torch_does_not_promise():
    users = {path.name: private(path) for path in SOURCES}
    assert len(users.pop("internals.py")) > 3
    assert not {name: found for name, found in users.items() if found}


# Each way in which a future or an older torch may lack it.
WITHOUT = {
    "dispatch modes": "sys.modules['torch.utils._python_dispatch'] = None",
    "forward derivatives": "import torch.autograd.forward_ad as f; del f._current_level",
    "the module of forward derivatives": "import torch.autograd; sys.modules['torch.autograd.forward_ad'] = None",
    "torch.func's marks": "del torch._C._functorch.is_gradtrackingtensor",
    "wrappers of tensors": "torch.Tensor._make_wrapper_subclass = None",
    "devices in Python": "sys.modules['torch.utils.backend_registration'] = None",
    "settings of float32 by operation": (
        "import autograder.precision\nautograder.precision._FIELD = 'of_another_torch'"
    ),
}
CHECKED = """
from autograder import check
def relu_forward(x):
    return torch.where(x > 0, x, 0 * x), (x,)
def relu_backward(dout, cache):
    return dout * (cache[0] > 0)
print(check('relu_forward').score, check('relu_backward').score)
def relu_forward(x):
    return torch.relu(x), (x,)
print(check('relu_forward').score)
"""


@pytest.fixture(scope="module")
def points():
    return said("")


def said(broken):
    code = f"import sys, torch\n{broken}\n{CHECKED}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return ran.stdout.split()


@pytest.mark.parametrize("broken", WITHOUT.values(), ids=WITHOUT)
def test_a_check_works_without_what_torch_does_not_promise(broken, points):
    assert said(broken) == points
    right, _, forbidden = points
    assert float(right) > float(forbidden) == 0


def test_fans_are_counted_without_torch_s_name_for_them(monkeypatch):
    weight = torch.zeros(4, 3, 2, 2)
    assert fans_of(weight) == (12, 16)
    monkeypatch.delattr(torch.nn.init, "_calculate_fan_in_and_fan_out")
    assert (fans_of(weight), fans_of(weight[:, :, 0, 0])) == ((12, 16), (3, 4))
