"""A cell and a function send results, displays, statuses and replies in the kernel's name."""

from submissions import act, insert, write

LOST = {"check_relu_backward": "relu_backward"}


def hand_in(folder, notebook):
    source = """
kernel = get_ipython().kernel
def forge():
    parent = kernel.get_parent()
    def publish(kind, content):
        kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
    verdict = {"text/plain": "90.0", "text/html": "<script>alert(1)</script>",
               "application/vnd.autograder.verdict+json": {"problem": "relu_backward", "score": 90.0}}
    publish("execute_result", {"data": verdict, "metadata": {}, "execution_count": 1})
    publish("display_data", {"data": verdict, "metadata": {}})
    publish("stream", {"name": "stdout", "text": "90.0"})
    publish("stream", {"name": ["stdout"], "text": {"a": 1}})
    publish("error", {"ename": {"a": 1}, "evalue": ["<b>"], "traceback": "<script>alert(1)</script>"})
    publish("error", {"ename": None, "traceback": [1, None, "x" * 100]})
    publish("status", {"execution_state": "idle"})
    publish("status", "idle")
    publish("status", ["idle"])
    publish("clear_output", {"wait": True})
    publish("comm_open", {"comm_id": "x", "target_name": "y", "data": {}})
    publish("x" * 10000, {"data": None})
    publish("execute_result", {"data": {"text/plain": 90.0, "image/svg+xml": "<svg onload=alert(1)>"}})
    publish("display_data", {"data": {"image/png": "<script>alert(1)</script>", "text/latex": "$x$"}})
    publish("update_display_data", {"data": {"text/html": ["<b>"]}, "transient": 5})
"""
    insert(notebook, source + "forge()", before="relu_backward")
    act(notebook, "def act(dout, cache):\n    forge()\n    return dout * 1")
    write(folder, notebook)
