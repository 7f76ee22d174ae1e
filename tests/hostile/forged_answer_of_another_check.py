"""The answer to one check is sent in place of the answer to another."""

from submissions import insert, write

LOST = {"check_relu_backward": "expected"}


def hand_in(folder, notebook):
    source = """
import json
kernel = get_ipython().kernel
honest, kept = kernel.shell_handlers["autograder_calls_request"], {}
send = kernel.session.send
def swapped(stream, kind, content=None, parent=None, ident=None, buffers=None, **options):
    if kind == "autograder_calls_reply":
        name = json.loads(bytes(parent["buffers"][0]))["name"]
        kept[name] = buffers
        buffers = kept["tanh_backward"] if name == "relu_backward" else buffers
    return send(stream, kind, content, parent, ident, buffers=buffers, **options)
kernel.session.send = swapped
"""
    insert(notebook, source)
    write(folder, notebook)
