"""A cell leaves files in every place that the next submission will look at."""

from submissions import ATTEMPT, insert, write

SHOWN = ["/home/student/torch.py: written", "/tmp/hostile: written", "/dev/shm/hostile: written"]


def hand_in(folder, notebook):
    source = """
import os, site, sys
places = ["/home/student/torch.py", "/home/student/.ipython/profile_default/startup/x.py", "/tmp/hostile",
          "/dev/shm/hostile", "/home/student/.local/lib/python3.11/site-packages/usercustomize.py"]
for place in places:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "w") as file:
        file.write("raise SystemExit('left behind')")
    print(f"{place}: written")
package = os.path.dirname(sys.modules["autograder"].__file__)
torch_package = os.path.dirname(sys.modules["torch"].__file__)
for folder in (package, torch_package, f"{torch_package}/__pycache__", *site.getsitepackages(), sys.prefix,
               f"{sys.prefix}/bin", "/", "/usr", "/usr/bin", "/etc", "/var", "/home", "/dev", "/run", "/proc", "/sys"):
    attempt(folder, lambda: open(f"{folder}/hostile.pth", "w"))
attempt("replace", lambda: os.rename("/tmp/hostile", f"{package}/check.py"))
attempt("remove", lambda: os.remove(f"{package}/check.py"))
attempt("rewrite", lambda: open(f"{package}/calls/run.py", "r+"))
attempt("chmod", lambda: os.chmod(package, 0o777))
"""
    insert(notebook, ATTEMPT + source)
    write(folder, notebook)
