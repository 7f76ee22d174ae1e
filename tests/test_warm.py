"""Kernels forked from the warm parent behave as started ones do, and leave nothing behind."""

import os
import time

import nbformat
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

pytestmark = pytest.mark.slow

PROCESS = "import os; print(os.getpid())"


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "warm-fork")
    # jupyter_client reads the variable once a process.
    KernelProvisionerFactory.clear_instance()
    yield
    KernelProvisionerFactory.clear_instance()


def run(*sources, cwd=None, **options):
    """What the cells of a notebook print and show."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(cwd)}} if cwd else {}
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, resources=resources, **options).execute()
    return [cell.outputs for cell in notebook.cells]


def text(outputs):
    return "".join(o.get("text", "") or "".join(o.get("traceback", [])) for o in outputs).strip()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid):
    """Whether the process ends within a few seconds."""
    for _ in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.1)
    return False


def test_torch_is_there_before_it_is_imported():
    assert text(run("import sys; print('torch' in sys.modules)")[0]) == "True"


def test_the_gpu_is_untouched():
    assert text(run("import torch; print(torch.cuda.is_initialized())")[0]) == "False"


def test_a_kernel_works_in_its_folder_with_the_caller_s_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("A_NAME_OF_THIS_TEST", "here")
    printed = text(run("import os; print(os.getcwd(), os.environ['A_NAME_OF_THIS_TEST'])", cwd=tmp_path)[0])
    assert printed == f"{tmp_path} here"


def test_kernels_share_nothing():
    first = "import torch, sys; torch.manual_seed(7); torch.mark = sys.mark = 1"
    second = "import torch, sys; print(hasattr(torch, 'mark'), hasattr(sys, 'mark'), torch.initial_seed() == 7)"
    run(first)
    assert text(run(second)[0]) == "False False False"


def test_a_kernel_ends_with_its_notebook():
    assert ends(int(text(run(PROCESS)[0])))


def test_an_endless_loop_is_interrupted_and_the_next_cell_runs():
    looping, after = run(
        "while True: pass",
        "print('after')",
        timeout_func=lambda cell: 2 if "while" in cell.source else 60,
        interrupt_on_timeout=True,
    )
    assert "KeyboardInterrupt" in text(looping)
    assert text(after) == "after"


def test_a_kernel_that_kills_itself_is_noticed():
    with pytest.raises(DeadKernelError):
        run("import os; os._exit(1)")


def test_what_a_kernel_starts_is_interrupted_with_it():
    outputs = run(
        "import subprocess; print(subprocess.run(['sleep', '60']).returncode)",
        timeout=2,
        interrupt_on_timeout=True,
    )
    assert "KeyboardInterrupt" in text(outputs[0])
