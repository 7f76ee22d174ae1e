"""Files beside the notebook have the names of modules; the course's and the kernel's own are those that count."""

from submissions import insert, write

SHOWN = ["left over: mine"]
_NAMES = ["torch.py", "autograder.py", "json.py", "sitecustomize.py", "usercustomize.py", "zmq.py", "numpy/__init__.py",
         "autograder/__init__.py", "autograder/check.py", "safetensors/torch.py", "IPython.py", "ipykernel/__init__.py",
         "conftest.py", "ipython_config.py", ".ipython/profile_default/startup/x.py", ".env", ".pythonrc", ".pdbrc",
         ".ipython/profile_default/ipython_kernel_config.py", "nbgrader_config.py", "jupyter_config.json"]  # fmt: skip


def hand_in(folder, notebook):
    insert(notebook, "import left_over\nprint('left over:', left_over.whose)")
    write(folder, notebook)
    for name in _NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise SystemExit('shadowed')\nprint(90.0)\ncheck = device = None")
    (folder / "left_over.py").write_text("whose = 'mine'")
