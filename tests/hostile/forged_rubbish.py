"""A cell sends what is no message at all to those who wait for messages."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import json
kernel = get_ipython().kernel
socket, session, parent = kernel.iopub_thread.socket, kernel.session, kernel.get_parent()
for parts in ([b""], [b"x"] * 1000, [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"", b"", b"", b""],
              [b"topic", b"<IDS|MSG>", b"0" * 64, b"[" * 10**5, b"{}", b"{}", b"{}"]):
    kernel.iopub_thread.send_multipart(parts)
def signed(*parts):
    kernel.iopub_thread.send_multipart([b"t", b"<IDS|MSG>", session.sign(list(parts)), *parts])
answered = json.dumps({"msg_id": parent["header"]["msg_id"]}).encode()
for content in (b"[" * 10**5, b"NaN", b"1" * 5000, b"\\xff\\xfe", b"null", b'"text"', b'{"text": "\\\\ud800"}',
                b'{"a":' * 10**5, b"{}"):
    signed(b'{"msg_type": "stream", "msg_id": "x", "date": "x", "version": "x"}', answered, b"{}", content)
    signed(b'{"msg_type": ["stream"], "msg_id": {}, "date": 7, "version": null}', answered, b"{}", content)
    signed(content, answered, content, content)
    signed(b'{"msg_type": "status"}', content, b"{}", content)
"""
    insert(notebook, source, before="relu_forward")
    write(folder, notebook)
