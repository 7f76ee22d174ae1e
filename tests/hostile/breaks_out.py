"""A cell asks Linux for rights: namespaces, mounts, capabilities, devices, other users, other processes."""

from submissions import SYSTEM_CALLS, insert, write

SHOWN = [f"{what}: refused" for what in ("user namespace", "mount", "chroot", "root", "device", "capabilities")]


def hand_in(folder, notebook):
    source = """
for name, flag in (("user namespace", 0x10000000), ("mount namespace", 0x20000), ("network namespace", 0x40000000)):
    attempt(name, lambda: call("unshare", flag))
attempt("clone", lambda: call("syscall", 56, 0x10000000 | 17, 0, 0, 0, 0))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("bind", lambda: call("mount", b"/", b"/tmp", None, 4096, None))
attempt("remount", lambda: call("mount", b"none", b"/", None, 32 | 4096, None))
attempt("unmount", lambda: call("umount2", b"/tmp", 2))
attempt("unmount what covers", lambda: call("umount2", b"/proc", 2))
attempt("chroot", lambda: call("chroot", b"/tmp"))
attempt("pivot", lambda: call("syscall", 155, b"/tmp", b"/tmp"))
attempt("new mounts", lambda: call("syscall", 430, b"tmpfs", 0))
attempt("open the tree", lambda: call("syscall", 428, -100, b"/", 1))
for namespace in ("user", "mnt", "pid", "net"):
    attempt(f"enter {namespace}", lambda: call("setns", os.open(f"/proc/1/ns/{namespace}", os.O_RDONLY), 0))
attempt("root", lambda: os.setuid(0))
attempt("root's group", lambda: os.setgid(0))
attempt("another user", lambda: os.setuid(65534))
attempt("groups", lambda: os.setgroups([0]))
attempt("mapping", lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1"))
attempt("device", lambda: os.mknod("/tmp/device", 0o60600, os.makedev(8, 0)))
attempt("capabilities",
        lambda: int(next(l for l in open("/proc/self/status") if l.startswith("CapEff")).split()[1], 16)
        or 1 / 0)
attempt("bounding set",
        lambda: int(next(l for l in open("/proc/self/status") if l.startswith("CapBnd")).split()[1], 16)
        or 1 / 0)
attempt("capset",
        lambda: call("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)))
attempt("privileges",
        lambda: "0" in next(l for l in open("/proc/self/status") if l.startswith("NoNewPrivs")) or 1 / 0)
attempt("trace outside", lambda: call("ptrace", 16, 0, None, None))
# The first process of the kernel's namespaces is the kernel's own, and as shut in as the kernel. Nobody is before it.
attempt("another parent", lambda: 1 / (os.getppid() != 1))
attempt("the first one's parent",
        lambda: 1 / int(next(l for l in open("/proc/1/status") if l.startswith("PPid")).split()[1]))
for name in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/user/max_user_namespaces",
             "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"):
    attempt(name, lambda: os.write(os.open(name, os.O_WRONLY), b"-1" if "oom" in name else b"1"))
attempt("host name", lambda: call("sethostname", b"x", 1))
attempt("clock", lambda: __import__("time").clock_settime(0, 0))
attempt("kernel module", lambda: call("init_module", None, 0, b""))
attempt("reboot", lambda: call("reboot", 0))
attempt("swap", lambda: call("swapon", b"/tmp", 0))
attempt("priority", lambda: os.nice(-5))
attempt("more processes", lambda: __import__("resource").setrlimit(6, (10**6, 10**6)))
attempt("control groups", lambda: os.listdir("/sys/fs/cgroup"))
"""
    insert(notebook, SYSTEM_CALLS + source)
    write(folder, notebook)
