"""A cell runs the notebook's kernel machinery within itself."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import subprocess, sys
program = [sys.executable, "-m", "autograder.sandbox.inside.parent", "3"]
done = subprocess.run(program, capture_output=True, text=True, timeout=20)
print(done.returncode, done.stderr[-200:])
"""
    insert(notebook, source, before="relu_forward")
    insert(
        notebook, "from autograder.sandbox.inside.kernel import launch\nlaunch({'key': 'x'}, [])", before="relu_forward"
    )
    write(folder, notebook)
