"""Cells in other languages, shell commands and pages: they run in the sandbox or not at all."""

from submissions import insert, write

SHOWN = ["as uid=1000", "UsageError"]


def hand_in(folder, notebook):
    for source in (
        "!echo as $(id)",
        "%%bash\necho as $(id)",
        "%%html\n<script>alert(1)</script>",
        "%%javascript\nalert(1)",
        "%%svg\n<svg onload='alert(1)'/>",
        "%%latex\n$x$",
        "%%R\n1",
        "%run /etc/passwd",
        "%load_ext rmagic",
        "%pip --version",
        "%reset -f",
        "import torch",
        "%autoreload 2",
        "%config Application.verbose_crash=True",
        "%cd /",
        "%%writefile /tmp/x\nx",
        "%%capture\nprint('hidden')",
        "%history -g",
        "%logstart /tmp/log",
        "%xmode Verbose",
        "?torch",
    ):
        insert(notebook, source)
    write(folder, notebook)
