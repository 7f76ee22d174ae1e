"""A forbidden operation is called in another thread, where nobody watches."""

from submissions import replace, write

LOST = {
    "check_sigmoid_forward": "sigmoid_forward imports threading",
    "check_sigmoid_backward": "sigmoid_backward needs sigmoid_forward, which",
}


def hand_in(folder, notebook):
    source = """
import threading
def sigmoid_forward(x):
    kept = []
    thread = threading.Thread(target=lambda: kept.append(torch.sigmoid(x)))
    thread.start()
    thread.join()
    return kept[0], kept[0]
"""
    replace(notebook, "sigmoid_forward", source)
    write(folder, notebook)
