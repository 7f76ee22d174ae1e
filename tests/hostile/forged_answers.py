"""The kernel's answer to a check is replaced by whatever may be hard to read."""

from submissions import insert, write

_TENSOR = "safetensors.torch.save({'0': torch.zeros(4, 5)})"
_OUTPUT = '{"list": [{"list": [{"tensor": "0"}, "cpu"]}]}'
_ANSWERS = {
    "sigmoid_forward": "[]",
    "sigmoid_backward": "[b'', b'']",
    "tanh_forward": "[b'[]', b'', b'']",
    "tanh_backward": "[b'[' * 10**6, " + _TENSOR + "]",
    "relu_forward": "[b'[' + b','.join([b'{\"tensor\": \"0\"}'] * 9) + b']', " + _TENSOR + "]",
    "relu_backward": "[b'[{\"generator\": 1' + b'0' * 40 + b'}]', " + _TENSOR + "]",
    "leaky_relu_forward": "[b'1' * 10**5, " + _TENSOR + "]",
    "leaky_relu_backward": "[b'[]', b'\\xff' * 100]",
    "prelu_forward": "[b'[]', (2**62).to_bytes(8, 'little') + b'{}']",
    "prelu_backward": "[b'{\"dict\": [[{\"dict\": []}, 1]]}', " + _TENSOR + "]",
    "elu_forward": "[pickle.dumps(torch.zeros(4, 5)), pickle.dumps(print)]",
    "elu_backward": "[b'NaN', " + _TENSOR + "]",
    "selu_forward": "[b'[{\"complex\": \"0\"}]', " + _TENSOR + "]",
    "selu_backward": "[b'[[[[5]]]]', safetensors.torch.save({str(i): torch.zeros(0) for i in range(10**4)})]",
    "maxout_forward": "[b'[{\"dict\": [[\"outputs\", \"abc\"], [\"complaint\", null], [\"modified\", []]]}]', "
                      + _TENSOR + "]",
    "maxout_backward": "[b'[]', b'\\x40' + b'\\0' * 7 + b'{\"0\":{\"dtype\":\"F32\",\"shape\":[99999999,9999999999],'"
                       "b'\"data_offsets\":[0,4]}}' + b'\\0' * 400]",
}  # fmt: skip
LOST = {f"check_{name}": "cannot be read" for name in _ANSWERS}


def hand_in(folder, notebook):
    source = f"""
import pickle, safetensors.torch
kernel = get_ipython().kernel
ANSWERS = {{{", ".join(f"{name!r}: {answer}" for name, answer in _ANSWERS.items())}}}
def answer(stream, ident, request):
    import json
    name = json.loads(bytes(request["buffers"][0]))["name"]
    kernel.session.send(stream, "autograder_calls_reply", {{}}, request, ident, buffers=ANSWERS[name])
kernel.shell_handlers["autograder_calls_request"] = answer
"""
    insert(notebook, source)
    write(folder, notebook)
