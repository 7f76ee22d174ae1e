"""How the cells of the pages run: the same on every machine, and as on other processors."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The instructions of other processors. MKL and oneDNN choose their own, so they are told, too.
PROCESSORS = {
    "no vector unit": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
# In names of its own: a page that calls something `signal` must not take a module away from it.
STARTUP = "exec(compile(open({path!r}, encoding='utf-8').read(), {path!r}, 'exec'), {{'__name__': '_kernel'}})\n"


def environment() -> dict[str, str]:
    """Return an environment in which the cells run the same on every machine.

    The kernel is the one of this Python with _kernel.py at its start, on one thread, since the pages run side by side.
    Neither IPython nor matplotlib reads what the user configured.
    """
    startup = ROOT / "build" / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-kernel.py").write_text(STARTUP.format(path=str(ROOT / "book" / "_kernel.py")), "utf-8")
    env = dict(os.environ)
    env.pop("MPLBACKEND", None)
    return env | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "IPYTHONDIR": str(ROOT / "build" / "ipython"),
        "MPLCONFIGDIR": str(ROOT / "build" / "matplotlib"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
