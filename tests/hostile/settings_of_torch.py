"""A cell changes torch's default type, device, threads, precision and grad mode, and leaves them so."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import numpy
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.set_grad_enabled(False)
torch.set_printoptions(precision=1, threshold=1)
torch.set_anomaly_enabled(True)
numpy.seterr(all="raise")
torch.manual_seed(0)
torch.inference_mode(True).__enter__()
"""
    insert(notebook, source)
    write(folder, notebook)
