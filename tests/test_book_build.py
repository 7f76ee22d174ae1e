"""book/build.py on a book of one or two pages: what it executes, refuses and skips, what the address brings."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from processes import ended, wait_until

ROOT = Path(__file__).resolve().parents[1]
HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

Some text.

"""
CELL = "```{{code-cell}} ipython3\n{}\n```\n"
ADDRESS = "https://github.com/owner/name"

pytestmark = pytest.mark.slow


def change(path, pattern, replacement):
    """Replace what `pattern` finds once in a file of the course."""
    text, found = re.subn(pattern, replacement, path.read_text("utf-8"))
    assert found == 1, (path, pattern)
    path.write_text(text, "utf-8")


@pytest.fixture
def course(tmp_path):
    """Make a course whose folder has a space in its name and whose book is one page."""
    root = tmp_path / "a course"
    for name in ("_ext", "_extra", "_static"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "book" / name, root / "book" / name, ignore=ignore)
    for name in ("build.py", "environment.py", "execute.py", "kernels.py", "_kernel.py", "course.mplstyle"):
        shutil.copy(ROOT / "book" / name, root / "book" / name)
    # Less than the pages of the course need, and style sheets as they come, so that a build takes half the time.
    change(root / "book" / "kernels.py", r"LOADED = \([^)]*\)", 'LOADED = ("ipykernel.kernelapp", "torch")')
    shutil.copy(ROOT / "_config.yml", root / "_config.yml")
    change(root / "_config.yml", r"\n +weight: book/_ext/", "")
    change(root / "_config.yml", r"\n +- weight", "")
    (root / "book" / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    (root / "book" / "references.bib").write_text("")
    (root / "requirements.txt").write_text("")
    for folder in ("autograder", "exercises/page"):
        (root / folder).mkdir(parents=True)
    (root / "autograder" / "__init__.py").write_text("")
    (root / "autograder" / "module.py").write_text("x = 1\n")
    (root / "autograder" / "other.py").write_text("")
    (root / "exercises" / "page" / "page.ipynb").write_text("{}")
    (root / "book" / "page.md").write_text(HEAD + CELL.format("print(6 * 7)"))
    return root


def build(course, *arguments, **environment):
    """Build from another folder, with nothing but the interpreter's own address."""
    addresses = ("COURSE_BOOK_", "COURSE_REPOSITORY_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(addresses)}
    return subprocess.run(
        [sys.executable, course / "book" / "build.py", *arguments],
        cwd="/",
        env={**clean, "PATH": "/usr/bin:/bin", "MPLBACKEND": "agg", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def page_of(course):
    return (course / "_build" / "html" / "page.html").read_text("utf-8")


def test_a_good_book_builds_and_is_left_alone_until_something_changes(course):
    first = build(course)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.rstrip().endswith(str(course / "_build" / "html" / "index.html"))
    assert ">42" in page_of(course)
    assert "github.com" not in page_of(course)
    assert "mybinder.org" not in page_of(course)
    assert "canonical" not in page_of(course)
    assert "og:" not in page_of(course)
    assert not (course / "_build" / "html" / "sitemap.xml").exists()

    assert "up to date" in build(course).stdout

    page = course / "book" / "page.md"
    page.write_text(page.read_text().replace("6 * 7", "6 * 8"))
    assert "up to date" not in build(course).stdout
    assert ">48" in page_of(course)


def add_second_page(course, text):
    (course / "book" / "_toc.yml").write_text("format: jb-book\nroot: page\nchapters:\n- file: second\n")
    (course / "book" / "second.md").write_text(text)


def mark_of(course, page):
    """What a cell printed that prints something else each time it runs."""
    return re.search(r"mark-[0-9a-f]+", (course / "_build" / "html" / f"{page}.html").read_text("utf-8"))[0]


MARK = "import uuid\nprint('mark-' + uuid.uuid4().hex)"
USES_THE_PACKAGE = "import sys\nsys.path.insert(0, '..')\nfrom autograder.module import x\nprint('x is', x)"


def test_only_a_page_runs_again_whose_module_has_changed(course):
    (course / "book" / "page.md").write_text(HEAD + CELL.format(USES_THE_PACKAGE) + CELL.format(MARK))
    add_second_page(course, HEAD + CELL.format(MARK + "\n2"))
    assert build(course).returncode == 0
    first, second = mark_of(course, "page"), mark_of(course, "second")
    assert "x is 1" in page_of(course)

    (course / "autograder" / "other.py").write_text("y = 1\n")
    page = course / "book" / "page.md"
    page.write_text(page.read_text().replace("Some text.", "Other text."))
    assert build(course).returncode == 0
    assert "Other text." in page_of(course)
    assert (mark_of(course, "page"), mark_of(course, "second")) == (first, second)

    (course / "autograder" / "module.py").write_text("x = 2\n")
    assert build(course).returncode == 0
    assert "x is 2" in page_of(course)
    assert mark_of(course, "page") != first
    assert mark_of(course, "second") == second


def test_a_report_that_a_killed_build_left_half_written_is_no_report(course):
    assert build(course).returncode == 0
    report = course / "_build" / ".jupyter_cache" / "reports" / "page.json"
    whole = report.read_text()
    report.write_text(whole[: len(whole) // 2])
    page = course / "book" / "page.md"
    page.write_text(page.read_text().replace("Some text.", "Other text."))
    result = build(course)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(report.read_text())["fingerprint"]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one page at a time")
def test_pages_run_side_by_side(course):
    meet = """import pathlib, time
pathlib.Path('../{0}').touch()
while not pathlib.Path('../{1}').exists():
    time.sleep(0.1)
"""
    (course / "book" / "page.md").write_text(HEAD + CELL.format(meet.format("one", "two")))
    add_second_page(course, HEAD + CELL.format(meet.format("two", "one")))
    change(course / "book" / "execute.py", r"(CLOCK_OF_A_CELL) = \d+", r"\1 = 120")
    result = build(course)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("cell", "passes"),
    [("import time\ntime.sleep(5)", True), ("while True:\n    pass", False)],
    ids=["waits", "computes"],
)
def test_computing_is_limited_and_waiting_is_not(course, cell, passes):
    change(course / "book" / "execute.py", r"(COMPUTING_OF_A_CELL) = \d+", r"\1 = 3")
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    result = build(course)
    assert (result.returncode == 0) == passes, result.stdout
    assert ("this cell has computed for 3 s" in result.stdout) != passes


def test_no_name_that_a_page_uses_takes_the_watch_off(course):
    names = "signal = time = json = sys = Path = sum = range = COUNTING = ComputingError = None"
    text = HEAD + CELL.format(names) + CELL.format("for _ in iter(int, 1):\n    pass")
    (course / "book" / "page.md").write_text(text)
    change(course / "book" / "execute.py", r"(COMPUTING_OF_A_CELL) = \d+", r"\1 = 3")
    result = build(course)
    assert "this cell has computed for 3 s" in result.stdout
    assert "Error in callback" not in result.stdout


@pytest.mark.parametrize(("deaths", "passes"), [(1, True), (3, False)], ids=["once", "always"])
def test_a_page_whose_kernel_does_not_start_is_tried_again(course, deaths, passes):
    kernel = course / "book" / "_kernel.py"
    dies = f"""
import os, pathlib
starts = pathlib.Path({str(course / "starts")!r})
with starts.open("a") as file:
    file.write(".")
if len(starts.read_text()) <= {deaths}:
    os._exit(1)
"""
    kernel.write_text(dies + kernel.read_text())
    result = build(course)
    assert (result.returncode == 0) == passes, result.stdout
    assert len((course / "starts").read_text()) == min(deaths + 1, 3)
    assert passes or "page.md" in result.stdout


def test_a_kernel_begins_with_what_all_pages_need_and_with_nothing_of_another_page(course):
    cell = """import os, sys
assert "torch" in sys.modules and "autograder" not in sys.modules
assert not hasattr(sys, "visited") and "VISITED" not in os.environ
sys.visited = os.environ["VISITED"] = "yes"
assert os.getcwd() == os.path.realpath("../book")
import networks
"""
    (course / "book" / "networks.py").write_text("")
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    add_second_page(course, HEAD + CELL.format(cell + "2"))
    result = build(course, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stdout


def test_a_figure_is_drawn_as_the_page_asks(course):
    cell = """import matplotlib.pyplot as plt
%config InlineBackend.figure_formats = ["svg"]
plt.plot([1, 2])
plt.show()
"""
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    result = build(course)
    assert result.returncode == 0, result.stdout
    assert "Figure size" not in page_of(course)
    assert list((course / "_build" / "html" / "_images").glob("*.svg"))


def test_a_kernel_ends_with_the_build_that_asked_for_it(course):
    cell = "import os, pathlib, time\npathlib.Path('../kernel').write_text(f'{os.getpid()}.')\ntime.sleep(1000)"
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    command = [sys.executable, course / "book" / "build.py"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as running:
        said = course / "kernel"
        wait_until(lambda: said.exists() and said.read_text().endswith("."))
        kernel = psutil.Process(int(said.read_text()[:-1]))
        os.killpg(running.pid, signal.SIGKILL)
    wait_until(lambda: ended(kernel))


def test_a_process_of_the_pool_can_be_ended_though_its_kernel_did_not_start(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "book")
    execute = load("execute")
    before = signal.getsignal(signal.SIGTERM)

    def leaves_a_handler(project_nb, data):
        signal.signal(signal.SIGTERM, lambda *_: None)
        raise RuntimeError("Kernel died")

    monkeypatch.setattr(execute.ExecutionWorkerLocalMProc, "execute", leaves_a_handler)
    monkeypatch.setenv("BOOK_REPORT", "")
    page = SimpleNamespace(uri=str(ROOT / "book" / "intro.md"))
    try:
        with pytest.raises(RuntimeError):
            execute.Worker.execute(page, SimpleNamespace(cache=SimpleNamespace(path=tmp_path)))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_gate_runs_the_pages_as_other_processors_would(course):
    cell = "import os\nassert os.environ.get('ATEN_CPU_CAPABILITY') != 'default'"
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    assert build(course).returncode == 0
    result = build(course, "--gate")
    assert result.returncode != 0
    assert "fails on a processor with no vector unit" in result.stdout


def test_what_holds_on_other_processors_is_on_record_until_it_changes(course, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    cell = """import os
with open("../processors", "a") as file:
    print(os.environ.get("ATEN_CPU_CAPABILITY", "itself"), file=file)
"""
    ran = course / "processors"
    (course / "book" / "page.md").write_text(HEAD + CELL.format(cell))
    add_second_page(course, HEAD + CELL.format(cell + "\n2"))
    assert build(course, "--gate", "--record").returncode == 0
    # A page whose kernel does not answer is tried again, so nothing is counted.
    everywhere = {"default", "itself"} if load("build").has_avx2_at_most() else {"avx2", "default", "itself"}
    assert set(ran.read_text().split()) == everywhere

    # Somebody else's copy of the course, in which nothing has been executed.
    shutil.rmtree(course / "_build")
    ran.unlink()
    result = build(course, "--gate")
    assert result.returncode == 0
    assert set(ran.read_text().split()) == {"itself"}
    assert "Not on record" not in result.stdout

    record = (course / "book" / "processors.json").read_text()
    add_second_page(course, HEAD + CELL.format(cell + "\n3"))
    ran.unlink()
    result = build(course, "--gate")
    assert set(ran.read_text().split()) == everywhere
    assert "Not on record for a processor with no vector unit, and executed: second." in result.stdout
    assert (course / "book" / "processors.json").read_text() == record


def test_a_record_without_the_gate_is_refused(course):
    result = build(course, "--record")
    assert result.returncode == 2
    assert "--record was given without --gate" in result.stderr
    assert not (course / "book" / "processors.json").exists()


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_book", ROOT / "book" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("seconds", "chapters", "said"),
    [
        ({"a": 59, "b": 59}, 2, []),
        ({"a": 74, "b": 74}, 2, []),
        ({"a": 76, "b": 1}, 2, ["a computes for 76 s"]),
        ({"a": 59, "b": 59, "c": 33}, 2, ["The book computes for 151 s"]),
    ],
    ids=["in-time", "within-the-measure", "long-page", "long-book"],
)
def test_the_gate_holds_pages_and_book_to_a_minute(seconds, chapters, said, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    found = load("build").complaints(seconds, chapters)
    assert len(found) == len(said)
    assert all(text in complaint for text, complaint in zip(said, found, strict=True))


def test_the_gate_reports_how_long_each_page_computes_and_draws_no_figure_twice(course):
    figure = """import os, pathlib
import matplotlib.pyplot as plt
%config InlineBackend.figure_formats = ["svg"]

class Marked(plt.Line2D):
    def draw(self, renderer):
        with pathlib.Path("../drawn").open("a") as file:
            file.write(os.environ.get("ATEN_CPU_CAPABILITY", "itself") + "\\n")

plt.gca().add_line(Marked([0, 1], [0, 1]))
plt.show()
"""
    cells = CELL.format("for _ in range(40_000_000):\n    pass") + CELL.format(figure)
    (course / "book" / "page.md").write_text(HEAD + cells)
    result = build(course, "--gate")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((course / "_build" / ".jupyter_cache" / "reports" / "page.json").read_text())
    assert report["computed"] > 0.2
    assert re.search(r"Seconds of computing: page \d+", result.stdout)
    assert set((course / "drawn").read_text().split()) == {"itself"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CELL.format("1 / 0"), "ZeroDivisionError"),
        (CELL.format("import warnings\nwarnings.warn('careful')"), "stderr"),
        ("[gone](nowhere.md)", "nowhere"),
        ("{cite}`nobody1900`", "nobody1900"),
    ],
    ids=["failing-cell", "words-on-stderr", "dead-link", "unknown-citation"],
)
def test_a_faulty_page_fails_the_gate(course, text, complaint):
    (course / "book" / "page.md").write_text(HEAD + text)
    result = build(course, "--gate")
    assert result.returncode != 0
    assert complaint in result.stdout


def test_a_faulty_page_fails_each_build_until_it_is_mended(course):
    page = course / "book" / "page.md"
    good = page.read_text()
    page.write_text(good + "\n[gone](nowhere.md)\n")
    assert build(course).returncode != 0
    assert build(course).returncode != 0
    page.write_text(good)
    assert build(course).returncode == 0


GLOSSARY = """# Glossary

```{glossary}
batch
  **배치.** Samples that go together.

batch normalization
  **배치 정규화.** A layer.
```
"""


def test_the_first_use_of_a_word_leads_to_the_glossary_and_tells_the_korean(course):
    (course / "book" / "_toc.yml").write_text("format: jb-book\nroot: page\nchapters:\n- file: glossary\n")
    (course / "book" / "glossary.md").write_text(GLOSSARY)
    text = "\n## Batch\n\n`batch` Batch\nnormalization of a subbatch, two batches, a batch, batch normalization.\n"
    page = course / "book" / "page.md"
    page.write_text(page.read_text() + text)
    result = build(course)
    assert result.returncode == 0, result.stdout + result.stderr
    linked = re.findall(
        r'<a [^>]*href="(\S+)"[^>]*><abbr [^>]*title="([^"]+)"[^>]*>([^<]+)</abbr></a>', page_of(course)
    )
    assert linked == [
        ("glossary.html#term-batch-normalization", "배치 정규화", "Batch\nnormalization"),
        ("glossary.html#term-batch", "배치", "batches"),
    ]


def test_an_address_brings_what_needs_it(course):
    """That of the repository its buttons, that of the book its canonical links, previews and the list of its pages."""
    assert build(course).returncode == 0
    book = "https://owner.github.io/name"
    result = build(course, COURSE_REPOSITORY_URL=ADDRESS, COURSE_REPOSITORY_BRANCH="spring", COURSE_BOOK_URL=book)
    assert result.returncode == 0, result.stdout + result.stderr
    page = page_of(course)
    assert f'<link rel="canonical" href="{book}/page.html" />' in page
    assert f'<meta property="og:url" content="{book}/page.html" />' in page
    assert '<meta property="og:title" content="A page" />' in page
    assert f"<loc>{book}/page.html</loc>" in (course / "_build" / "html" / "sitemap.xml").read_text("utf-8")
    assert f'href="{ADDRESS}"' in page
    assert f"{ADDRESS}/blob/spring/book/page.md" in page
    assert "https://mybinder.org/v2/gh/owner/name/spring?urlpath=lab/tree/exercises/page/page.ipynb" in page


@pytest.mark.parametrize("name", ["COURSE_BOOK_URL", "COURSE_REPOSITORY_URL"])
def test_an_address_that_is_none_is_refused_in_one_sentence(course, name):
    result = build(course, **{name: "owner/name"})
    assert result.returncode != 0
    assert f"{name} is 'owner/name'; expected" in result.stdout
