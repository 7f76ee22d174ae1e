"""A cell makes a program that is to run as its owner, and looks for others."""

from submissions import ATTEMPT, insert, write

SHOWN = ["a program of its own ran as uid=1000", "su: refused"]


def hand_in(folder, notebook):
    source = """
import os, shutil, subprocess
shutil.copy("/usr/bin/id", "/tmp/id")
os.chmod("/tmp/id", 0o6755)
print("a program of its own ran as", subprocess.run(["/tmp/id"], capture_output=True, text=True).stdout)
attempt("su", lambda: subprocess.run(["su", "-c", "id"], check=True, capture_output=True, timeout=1))
attempt("sudo", lambda: subprocess.run(["sudo", "-n", "id"], check=True, capture_output=True, timeout=1))
attempt("bwrap", lambda: subprocess.run(["bwrap", "--bind", "/", "/", "id"], check=True, timeout=1))
"""
    insert(notebook, ATTEMPT + source)
    write(folder, notebook)
