"""A kernel's part of a GPU."""

import contextlib

import torch


def keep_within(memory: int) -> None:
    """Let the tensors of this process take so many bytes of its GPU; torch refuses more as if the GPU were full.

    What goes around torch is not counted. Where the GPU does not answer, whoever uses it is told so.
    """
    with contextlib.suppress(Exception):
        _, all_of_it = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(min(1.0, memory / all_of_it))
