"""A cell installs tracers, profilers and audit hooks that get in the way of every call."""

from submissions import insert, write


def hand_in(folder, notebook):
    source = """
import gc, sys, threading
sys.settrace(lambda *arguments: None)
sys.setprofile(lambda *arguments: None)
threading.settrace(lambda *arguments: None)
sys.setswitchinterval(1e-6)
gc.disable()
sys.unraisablehook = sys.excepthook = lambda *arguments: 1 / 0
sys.addaudithook(lambda *arguments: None)
"""
    insert(notebook, source)
    write(folder, notebook)
