"""A cell reads what a student must not see: references, the course, the class, the machine's users and secrets."""

from submissions import ATTEMPT, insert, write

SHOWN = ["the references: refused", "the judge's file: refused", "/root/.ssh: refused", "another's memory: refused"]


def hand_in(folder, notebook):
    source = """
import glob, importlib, os, pathlib, sys
attempt("the references", lambda: importlib.import_module("autograder.references"))
attempt("the judge", lambda: importlib.import_module("autograder.judge"))
attempt("the problems", lambda: importlib.import_module("autograder.problems"))
attempt("the restorer", lambda: importlib.import_module("autograder.grading.restore"))
package = pathlib.Path(sys.modules["autograder"].__file__).parent
attempt("the judge's file", lambda: (package / "judge.py").read_text())
attempt("the files of problems", lambda: os.listdir(package / "problems"))
for name in ("solutions", "exercises", "build", "submitted", "autograded", "gradebook.db", "grading-seed.txt", ".git",
             "tests", "nbgrader_config.py"):
    attempt(name, lambda: os.stat(package.parent / name))
for place in ("/root/.ssh", "/root/.bashrc", "/etc/passwd", "/etc/shadow", "/etc/hosts", "/home/student/.ssh",
              "/var", "/run", "/sys/kernel", "/mnt", "/opt", "/srv", "/boot", "/proc/1/root/etc/passwd", "/dev/sda",
              "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/net/tun", "/dev/kvm", "/proc/kcore"):
    attempt(place, lambda: os.listdir(place) if os.path.isdir(place) else open(place, "rb").read(1))
on_the_way = ("/home/student", sys.prefix, str(package))
attempt("homes", lambda: [place for place in pathlib.Path("/home").glob("*")
                          if not any(f"{way}/".startswith(f"{place}/") for way in on_the_way)][0])
attempt("a home", lambda: [place for place in pathlib.Path("/home").glob("*/*") if place.parent.name != "student"
                           and not any(f"{way}/".startswith(f"{place}/") for way in on_the_way)][0])
attempt("environment", lambda: [name for name in os.environ if "KEY" in name or "TOKEN" in name or "SECRET" in name][0])
attempt("the first environment", lambda: [x for x in open("/proc/1/environ").read().split("\\0") if "SECRET" in x][0])
own = {"1", str(os.getpid())}
attempt("other processes", lambda: [name for name in os.listdir("/proc") if name.isdigit() and name not in own][0])
attempt("another's memory", lambda: open("/proc/0/mem"))
attempt("loaded", lambda: [name for name in sys.modules if "references" in name or "problems." in name][0])
attempt("open descriptors", lambda: [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                                     if os.readlink(f"/proc/self/fd/{n}").startswith(("/work", "/root", "/tmp"))][0])
attempt("mounts", lambda: [x for x in open("/proc/self/mountinfo") if "submitted" in x or "gradebook" in x][0])
import gc
attempt("in memory", lambda: [o for o in gc.get_objects() if type(o).__name__ in ("Problem", "Exam", "Verdict")][0])
"""
    insert(notebook, ATTEMPT + source)
    write(folder, notebook)
