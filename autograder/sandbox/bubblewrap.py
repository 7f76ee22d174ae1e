"""The outer walls, built by bubblewrap: what the warm parent and every kernel forked from it can see."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from autograder.sandbox.inside.isolation import HOME

PACKAGE = Path(__file__).resolve().parent.parent

# The part of the package that goes in. It knows no reference, no mistake and no judge.
INSIDE = (
    "__init__.py",
    "calls",
    "datasets.py",
    "devices.py",
    "experiments.py",
    "internals.py",
    "precision.py",
    "sandbox/__init__.py",
    "sandbox/inside",
)

# The copy that scripts/apparmor makes: AppArmor lets it do what it keeps bubblewrap itself from.
COPY = Path("/usr/local/lib/autograder/bwrap")

DEVICES = Path("/dev")
# Where Linux says what it allows; a test has another place.
SYSTEM = Path("/")
FONTS = "/tmp/matplotlib"

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "fonts",
    "localtime",
    "mime.types",
    "ssl/certs",
)


class NoSandboxError(Exception):
    """Nothing can be run safely here; the message is one sentence that says what to do."""


def command(inner: list[str], gpu: bool) -> list[str]:
    """The command line that runs `inner` behind the walls. Raises `NoSandboxError` without bubblewrap."""
    bwrap = str(COPY) if os.access(COPY, os.X_OK) else shutil.which("bwrap")
    if bwrap is None:
        raise NoSandboxError(
            "Grading runs students' programs in a sandbox, and bubblewrap, which makes it, is not installed: "
            "sudo apt-get install bubblewrap."
        )
    return [bwrap, *_walls(), *_devices(gpu), *_files(), "--chdir", HOME, "--", *inner]


def refusal(said: str) -> NoSandboxError:
    """That nothing can be shut in here, because of what was `said`, with what helps on this machine."""
    return NoSandboxError(f"Submissions cannot be shut in on this machine ({' '.join(said.split())[:300]}): {_cure()}")


def _cure() -> str:
    """What makes the system allow namespaces, by what it says of itself."""
    if any((SYSTEM / mark).exists() for mark in (".dockerenv", "run/.containerenv")) or (
        "KUBERNETES_SERVICE_HOST" in os.environ
    ):
        return (
            "it is a container, which must be started so that it may make namespaces; the page Grading a class says "
            "with which options."
        )
    if _says("proc/sys/user/max_user_namespaces") == "0":
        return "it allows no user namespaces: sudo sysctl user.max_user_namespaces=15000."
    if _says("proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "it allows no user namespaces: sudo sysctl kernel.unprivileged_userns_clone=1."
    if _says("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" or _is_profiled():
        again = " again, for bubblewrap may be newer than its copy" if os.access(COPY, os.X_OK) else ""
        run = f"run sudo scripts/apparmor{again}, in the course's folder."
        return f"AppArmor keeps bubblewrap from making namespaces: {run}"
    return "see what bwrap --unshare-user --unshare-net --ro-bind / / true says, and allow it."


def _is_profiled() -> bool:
    """Whether AppArmor has a profile of its own for bubblewrap; who may not read the list sees the profile's file."""
    loaded = _says("sys/kernel/security/apparmor/profiles")
    return "unpriv_bwrap " in loaded or (SYSTEM / "etc/apparmor.d/bwrap-userns-restrict").exists()


def _says(file: str) -> str:
    try:
        return (SYSTEM / file).read_text().strip()
    except OSError:
        return ""


def environment(gpu: bool, threads: int) -> dict[str, str]:
    """The variables that a student's code sees; none of the instructor's."""
    variables = {
        "HOME": HOME,
        "USER": "student",
        "LOGNAME": "student",
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": FONTS,
        "NBGRADER_EXECUTION": "autograde",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if gpu:
        kept = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "LD_LIBRARY_PATH")
        variables |= {name: os.environ[name] for name in kept if name in os.environ}
    return variables


def _walls() -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1")
    if os.getuid() == 0:
        # The warm parent gives these up as soon as it has become another user.
        yield from ("--cap-drop", "ALL")
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN"):
            yield from ("--cap-add", capability)
    else:
        yield from ("--unshare-user", "--proc", "/proc")


def _devices(gpu: bool) -> Iterator[str]:
    yield from ("--dev", "/dev")
    # It too is full of zeros, and cannot be mapped as memory that has no file.
    yield from ("--dev-bind", "/dev/full", "/dev/zero")
    if gpu:
        for device in sorted(map(str, DEVICES.glob("nvidia*"))):
            yield from ("--dev-bind", device, device)
        yield from ("--ro-bind-try", "/sys", "/sys")
    # Each kernel has memory of its own mounted there.
    yield from ("--perms", "0755", "--dir", "/dev/shm", "--remount-ro", "/dev")


def _files() -> Iterator[str]:
    for folder in _SYSTEM:
        if Path(folder).is_symlink():
            yield from ("--symlink", str(Path(folder).readlink()), folder)
        elif Path(folder).exists():
            yield from ("--ro-bind", folder, folder)
    # The warm parent's own; each kernel has another. The environment may lie in it, so it comes first.
    yield from ("--perms", "1777", "--tmpfs", "/tmp")
    prefixes = sorted({p for p in (sys.prefix, sys.base_prefix, sys.exec_prefix) if not p.startswith("/usr/")})
    # bubblewrap makes the folders on the way for their owner alone, who is root when root grades.
    on_the_way = {
        parent for place in (*prefixes, PACKAGE / "sandbox" / "x", "/etc/x/x") for parent in Path(place).parents
    }
    for folder in sorted(on_the_way - {Path("/"), Path("/tmp"), PACKAGE, PACKAGE / "sandbox"}):
        yield from ("--perms", "0755", "--dir", str(folder))
    for name in _SETTINGS:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for prefix in prefixes:
        yield from ("--ro-bind", prefix, prefix)
    yield from ("--tmpfs", str(PACKAGE), "--perms", "0755", "--dir", str(PACKAGE / "sandbox"))
    for name in INSIDE:
        yield from ("--ro-bind", str(PACKAGE / name), str(PACKAGE / name))
    yield from ("--ro-bind", str(PACKAGE / "sandbox" / "inside" / "check.py"), str(PACKAGE / "check.py"))
    yield from ("--remount-ro", str(PACKAGE))
    for place in ("/proc", HOME):
        yield from ("--perms", "0755", "--dir", place)
    # matplotlib takes seconds to list the fonts anew.
    yield from ("--perms", "1777", "--dir", FONTS)
    own = Path(os.environ.get("MPLCONFIGDIR") or Path.home() / ".cache" / "matplotlib")
    for known in own.glob("fontlist-*.json"):
        yield from ("--ro-bind", str(known), f"{FONTS}/{known.name}")
    yield from ("--remount-ro", "/")
