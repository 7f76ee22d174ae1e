"""Where a system keeps bubblewrap from making namespaces, what is said is what helps; the systems are stand-ins."""

import os
import subprocess

import pytest
from classes import needs_bubblewrap

from autograder.course import ROOT
from autograder.grading import worker
from autograder.grading.settings import Settings
from autograder.sandbox import bubblewrap, kernels

DENIED = "bwrap: setting up uid map: Permission denied"
CLONE, MOST = "proc/sys/kernel/unprivileged_userns_clone", "proc/sys/user/max_user_namespaces"
RESTRICTED = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
APPARMOR = "AppArmor keeps bubblewrap from making namespaces: run sudo scripts/apparmor, in the course's folder."

# What the system says of itself, and what helps.
CURES = {
    "Ubuntu 24.04": ({RESTRICTED: "1\n", CLONE: "1\n", MOST: "96365\n"}, APPARMOR),
    "Ubuntu 26.04": (
        {RESTRICTED: "1\n", "sys/kernel/security/apparmor/profiles": "bwrap (enforce)\nunpriv_bwrap (enforce)\n"},
        APPARMOR,
    ),
    "Ubuntu 26.04 without the restriction": (
        {RESTRICTED: "0\n", "etc/apparmor.d/bwrap-userns-restrict": "profile bwrap"},
        APPARMOR,
    ),
    "an older Debian": ({CLONE: "0\n"}, "sudo sysctl kernel.unprivileged_userns_clone=1."),
    "Red Hat 7": ({MOST: "0\n"}, "sudo sysctl user.max_user_namespaces=15000."),
    "Docker": ({".dockerenv": "", RESTRICTED: "1\n"}, "it is a container, which must be started so that"),
    "Podman": ({"run/.containerenv": ""}, "it is a container, which must be started so that"),
    "a system that says nothing": ({RESTRICTED: "0\n", CLONE: "1\n"}, "see what bwrap --unshare-user "),
}


@pytest.fixture
def system(tmp_path, monkeypatch):
    def says(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(bubblewrap, "SYSTEM", tmp_path)
    monkeypatch.setattr(bubblewrap, "COPY", tmp_path / "copy")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return says


@pytest.mark.parametrize(("files", "cure"), CURES.values(), ids=CURES)
def test_what_helps_is_what_the_system_says_of_itself(system, files, cure):
    system(files)
    said = str(bubblewrap.refusal(DENIED))
    assert said.startswith(f"Submissions cannot be shut in on this machine ({DENIED}): ")
    assert cure in said


def test_in_kubernetes_it_is_a_container_too(system, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert "it is a container" in str(bubblewrap.refusal(DENIED))


def test_a_copy_that_does_not_help_is_made_again(system, tmp_path):
    system({RESTRICTED: "1", "copy": "#!/bin/sh\n"})
    (tmp_path / "copy").chmod(0o755)
    assert "run sudo scripts/apparmor again, for bubblewrap may be newer" in str(bubblewrap.refusal(DENIED))


def program(path, *lines):
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


@pytest.mark.parametrize(
    "said",
    [
        DENIED,
        "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
        "PermissionError: [Errno 1] Operation not permitted",
    ],
)
def test_a_sandbox_that_does_not_start_is_one_sentence(system, tmp_path, monkeypatch, said):
    """And the class does not start: a worker's first answer is that sentence."""
    system({RESTRICTED: "1\n"})
    program(tmp_path / "bwrap", f"echo '{said}' >&2", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(bubblewrap.NoSandboxError) as refused:
        kernels.WarmParent()
    assert said in str(refused.value)
    assert str(refused.value).endswith(APPARMOR)
    monkeypatch.setattr(worker, "warm_parent", lambda *_: kernels.WarmParent())
    assert worker.probe(Settings(20300101)) == str(refused.value)


def test_what_ends_for_another_reason_is_no_matter_of_namespaces(system, tmp_path, monkeypatch):
    program(tmp_path / "bwrap", "echo 'MemoryError' >&2", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(kernels.ParentEndedError, match="MemoryError"):
        kernels.WarmParent()


@needs_bubblewrap
def test_the_copy_is_used_where_it_has_been_made(system, tmp_path):
    assert bubblewrap.command(["true"], gpu=False)[0] != str(tmp_path / "copy")
    program(tmp_path / "copy")
    assert bubblewrap.command(["true"], gpu=False)[0] == str(tmp_path / "copy")


@needs_bubblewrap
def test_the_script_makes_the_copy_that_the_profile_and_the_grader_name(tmp_path):
    where = {**os.environ, "DESTDIR": str(tmp_path)}
    subprocess.run([ROOT / "scripts" / "apparmor"], env=where, check=True, capture_output=True)
    copy = tmp_path / bubblewrap.COPY.relative_to("/")
    said = subprocess.run([copy, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("bubblewrap ")
    profile = (tmp_path / "etc" / "apparmor.d" / "autograder-bwrap").read_text()
    assert f"profile autograder-bwrap {bubblewrap.COPY} flags=(unconfined) {{\n  userns," in profile


@needs_bubblewrap
@pytest.mark.skipif(bubblewrap.COPY.exists(), reason="the profile is for the copy that is there, and no other")
def test_the_copy_shuts_in_as_bubblewrap_does(tmp_path, monkeypatch):
    where = {**os.environ, "DESTDIR": str(tmp_path)}
    subprocess.run([ROOT / "scripts" / "apparmor"], env=where, check=True, capture_output=True)
    monkeypatch.setattr(bubblewrap, "COPY", tmp_path / bubblewrap.COPY.relative_to("/"))
    kernels.WarmParent().close()
