"""The walls around one kernel: namespaces of its own, an empty home, no capabilities, limits.

bubblewrap has built the outer walls, around the warm parent; what is done here shuts each kernel off from the parent
and from the kernels before and after it. Everything is a plain system call of Linux: see unshare(2),
user_namespaces(7), mount(2), capabilities(7), setrlimit(2) and seccomp(2).
"""

import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

from autograder.sandbox.inside.limits import Limits

_libc = ctypes.CDLL(None, use_errno=True)

HOME = "/home/student"

# Who a student's code is on this machine when root grades; an ordinary user's grading runs as that user.
NOBODY = 65534

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
_CAPABILITY_VERSION = 0x20080522

# System calls that no exercise needs and that reach around limits and namespaces, by their numbers: memory that
# belongs to no process (memfd_create, memfd_secret, shmget, semget, msgget, vmsplice), keys that outlive a kernel
# (add_key, request_key, keyctl), what Linux notes down about files until somebody reads it (inotify_init1,
# fanotify_init and the older inotify_init), and large parts of Linux that all look for faults in (bpf, io_uring_setup,
# perf_event_open, userfaultfd). Before them the machine's number.
_CALLS = {
    "x86_64": (0xC000003E, (319, 447, 29, 64, 68, 278, 248, 249, 250, 294, 300, 253, 321, 425, 298, 323)),
    "aarch64": (0xC00000B7, (279, 447, 194, 190, 186, 75, 217, 218, 219, 26, 262, 280, 425, 241, 282)),
}
# The numbers of socket(2), mmap(2) and setsockopt(2), of which some uses are refused.
_SOCKET, _MMAP, _SETSOCKOPT = {"x86_64": (41, 9, 54), "aarch64": (198, 222, 208)}.get(os.uname().machine, (0, 0, 0))
# Other families know no network namespace, or none well.
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
# Memory that several processes share and that has no file: Linux counts it for a process only while that looks at it.
_SHARED, _ANONYMOUS = 0x01, 0x20
# How much a socket may hold: SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE. It stays what it is.
_BUFFERS = (7, 8, 32, 33)
_SECCOMP_FILTER, _ALLOW, _REFUSE, _PRETEND = 2, 0x7FFF0000, 0x00050000 | errno.ENOSYS, 0x00050000


# Bytes of addresses that a process may have; torch with 256 threads has a quarter of them.
ADDRESSES = 64 * 2**30

# Signals that may wait for a process, each with a note that Linux keeps, and timers, which have theirs in advance.
SIGNALS = 1024


def hide_memory() -> None:
    """Let no other process read this one's memory, whoever it belongs to."""
    _prctl(_PR_SET_DUMPABLE, 0)


def become(user: int) -> None:
    """Stop being root: mount the processes' folder as root must, then go on as `user`, with no way back."""
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def leave_namespaces() -> None:
    """New namespaces of every kind; the calling process's next child is the first process of the new ones.

    The process must have a single thread. Raises OSError where the system allows no user namespaces.
    """
    user, group = os.getuid(), os.getgid()
    _prctl(_PR_SET_DUMPABLE, 1)  # or the maps below belong to root
    _call(
        "unshare",
        _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWNET | _CLONE_NEWUTS,
    )
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {user} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {group} 1")


def shut_in(limits: Limits, gpu: bool) -> None:
    """In the first process of the new namespaces: its own view of files and processes, then no rights, then limits."""
    end_with_parent()
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    # The environment may lie in a folder that is about to be covered.
    package = str(Path(__file__).parents[2])
    environment = sorted({sys.prefix, sys.base_prefix, package})
    covered = {folder: os.open(folder, os.O_PATH) for folder in environment if folder.startswith("/tmp/")}
    for place in ("/tmp", HOME, "/dev/shm"):
        options = f"size={limits.scratch},nr_inodes=20000,mode=700"
        _mount("tmpfs", place, "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    # Terminals, for programs that a cell starts with "!".
    _mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0600")
    for folder, descriptor in covered.items():
        Path(folder).mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", folder, None, _MS_BIND | _MS_REC)
        os.close(descriptor)
    # No namespaces within these: they would bring back capabilities, and kernel code that nobody here needs.
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    _drop_capabilities()
    _limit(limits, gpu)
    _refuse_calls(gpu)
    os.chdir(HOME)


def end_with_parent() -> None:
    """Have the system end this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(limits: Limits, gpu: bool) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: SIGNALS,
    }
    if not gpu:
        # Memory that one process asks for; the driver of a GPU asks for far more than it uses.
        bounds[resource.RLIMIT_DATA] = limits.memory
        # Addresses, be there memory or not: Linux keeps tables of them.
        bounds[resource.RLIMIT_AS] = ADDRESSES
    for what, bound in bounds.items():
        resource.setrlimit(what, (bound, bound))


def _drop_capabilities() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _refuse_calls(gpu: bool) -> None:
    """Have the system answer that it does not know the calls above; see seccomp(2)."""
    if os.uname().machine not in _CALLS:
        return
    machine, refused = _CALLS[os.uname().machine]
    if gpu:
        refused = refused[1:]  # The driver of a GPU may need memfd_create.
    load, equal, at_least, any_of, end = 0x20, 0x15, 0x35, 0x45, 0x06
    # Each step: what to do, how many steps to skip if so and if not, a number. A load takes from what is asked for: the
    # call's number at 0, the machine's at 4, its arguments at 16, 24, 32 and so on. The calls of 32 bits have numbers
    # of their own.
    steps = [(load, 0, 0, 4), (equal, 1, 0, machine), (end, 0, 0, _REFUSE)]
    steps += [(load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (end, 0, 0, _REFUSE)]
    for number in refused:
        steps += [(equal, 0, 1, number), (end, 0, 0, _REFUSE)]
    known = [step for family in _FAMILIES for step in ((equal, 0, 1, family), (end, 0, 0, _ALLOW))]
    sizes = [step for option in _BUFFERS for step in ((equal, 0, 1, option), (end, 0, 0, _PRETEND))]
    uses = [
        (_SOCKET, [(load, 0, 0, 16), *known, (end, 0, 0, _REFUSE)]),
        (
            _SETSOCKOPT,
            [(load, 0, 0, 24), (equal, 1, 0, socket.SOL_SOCKET), (end, 0, 0, _ALLOW), (load, 0, 0, 32), *sizes],
        ),
    ]
    if not gpu:  # whose driver may need it
        flags = [(any_of, 0, 2, _SHARED), (any_of, 0, 1, _ANONYMOUS), (end, 0, 0, _REFUSE)]
        uses.append((_MMAP, [(load, 0, 0, 40), *flags]))
    for number, looked_at in uses:
        steps += [(equal, 0, len(looked_at) + 1, number), *looked_at, (end, 0, 0, _ALLOW)]
    steps += [(end, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_FILTER, struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(program)))


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind and kind.encode(), flags, options.encode())


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments) -> None:
    if getattr(_libc, name)(*(ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
