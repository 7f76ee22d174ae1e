"""The part of grading that can happen anywhere: a submission goes in, executed notebooks and scores come out."""

import contextlib
import functools
import logging
import os

import nbformat
import torch
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution

from autograder.grading import gpus, memory
from autograder.grading.execute import execute, execution
from autograder.grading.gpus import CPU_BUILD, INSTEAD
from autograder.grading.intake import stand_in
from autograder.grading.job import OUT_OF_MEMORY, Graded, Job
from autograder.grading.records import Result
from autograder.grading.restore import Master, UnreadableError, restore
from autograder.grading.settings import TENSORS, Settings
from autograder.sandbox import bubblewrap
from autograder.sandbox.inside.limits import GIBI
from autograder.sandbox.kernels import Kernel, KernelEndedError, warm_parent


def grade(job: Job) -> Graded:
    """Run and judge every notebook of a submission. Raises `NoSandboxError` where nothing can be shut in."""
    if job.settings.gpu:
        _choose_gpu(job.settings.limits.gpu_memory / TENSORS / GIBI)
    notebooks, results, remarks = {}, {}, []
    # The driver of a GPU asks for far more memory than it uses.
    with contextlib.nullcontext() if job.settings.gpu else memory.bounded():
        for name, content in job.notebooks.items():
            notebook, said = _restored(name, content, job.masters[name])
            said += tuple(f"{name}.ipynb: {sentence}" for sentence in execute(notebook, job.files, job.settings))
            notebooks[name] = nbformat.writes(notebook)
            results[name] = _result(notebook)
            remarks += said
    return Graded(notebooks, results, tuple(remarks))


def probe(settings: Settings) -> str | None:
    """Why nothing can be graded by this worker, as a sentence; None if it can.

    A kernel is started in the sandbox. On a GPU it makes one tensor, as large as what it may have there, and this
    process, which computes what is right, a small one.
    """
    if settings.gpu:
        _choose_gpu(settings.limits.gpu_memory / TENSORS / GIBI)
    try:
        kernel = Kernel(warm_parent(settings.gpu, settings.threads, settings.sandbox), settings.limits)
    except bubblewrap.NoSandboxError as error:
        return str(error)
    try:
        return _probe_gpu(kernel, settings) if settings.gpu else None
    finally:
        kernel.close()


def _probe_gpu(kernel: Kernel, settings: Settings) -> str | None:
    size = settings.limits.gpu_memory * 9 // 10
    code = f"import torch\ntorch.zeros({size}, dtype=torch.uint8, device='cuda')[0].item()"
    try:
        reply = kernel.request("execute", execution(code)).message["content"]
    except KernelEndedError as error:
        return _why_no_gpu(f"the kernel ended: {error}")
    if reply.get("status") != "ok":
        return _why_no_gpu(f"{reply.get('ename')}: {reply.get('evalue')}")
    try:
        torch.zeros(1, device="cuda").item()
    except Exception as error:
        return _why_no_gpu(f"{type(error).__name__}: {error}")
    return None


def _why_no_gpu(error: str) -> str:
    """A sentence about what a GPU, or torch, answered to somebody who wanted a tensor."""
    if "not compiled with CUDA" in error:
        return f"Grading is to use a GPU, and {CPU_BUILD}: install its build for CUDA, {INSTEAD}."
    if OUT_OF_MEMORY in error:
        return (
            "A GPU has no room for what its workers may use of it: end the programs that use it, lower "
            f"c.Grading.gpu_memory, give fewer --workers, {INSTEAD}."
        )
    said = " ".join(error.split())[:300]
    return (
        f"Grading is to use a GPU, and it does not answer inside the sandbox ({said}): see what nvidia-smi says, "
        f"{INSTEAD}."
    )


@functools.cache
def _choose_gpu(memory: float) -> None:
    """Of several GPUs, take one for this process for good."""
    # Where nobody tells which there are, CUDA takes the first.
    with contextlib.suppress(gpus.GpuError):
        os.environ[gpus.VISIBLE] = gpus.take(gpus.usable(), memory).name


def _restored(name: str, content: bytes, master: Master) -> tuple[NotebookNode, tuple[str, ...]]:
    try:
        return restore(content, master)
    except UnreadableError as error:
        notebook, _ = restore(stand_in(str(error)), master)
        return notebook, (f"{name}.ipynb {error}",)


def _result(notebook: NotebookNode) -> Result:
    """The scores that nbgrader counts, and the answers that are still the question."""
    log = logging.getLogger(__name__)
    scores = {c.metadata.nbgrader.grade_id: determine_grade(c, log)[0] for c in notebook.cells if is_grade(c)}
    unanswered = {
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if is_solution(cell) and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
    }
    return Result(scores, frozenset(unanswered))
