"""book/build.py on a book of one page: what it refuses and skips, what the repository's address brings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture
def course(tmp_path):
    """Make a course whose folder has a space in its name and whose book is one page."""
    root = tmp_path / "a course"
    for name in ("_ext", "_extra", "_static"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "book" / name, root / "book" / name, ignore=ignore)
    for name in ("_config.yml", "book/build.py", "book/course.mplstyle"):
        shutil.copy(ROOT / name, root / name)
    (root / "book" / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    (root / "book" / "references.bib").write_text("")
    (root / "requirements.txt").write_text("")
    for folder in ("autograder", "exercises/page"):
        (root / folder).mkdir(parents=True)
    (root / "autograder" / "module.py").write_text("x = 1\n")
    (root / "exercises" / "page" / "page.ipynb").write_text("{}")
    (root / "book" / "page.md").write_text(HEAD + CELL.format("print(6 * 7)"))
    return root


def build(course, *arguments, **environment):
    """Build from another folder, with nothing but the interpreter's own address."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COURSE_REPOSITORY_")}
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

    assert "up to date" in build(course).stdout

    page = course / "book" / "page.md"
    page.write_text(page.read_text().replace("6 * 7", "6 * 8"))
    assert "up to date" not in build(course).stdout
    assert ">48" in page_of(course)


def test_cells_run_again_when_the_package_changes(course):
    page = course / "book" / "page.md"
    page.write_text(
        HEAD + CELL.format("import sys\nsys.path.insert(0, '..')\nfrom autograder.module import x\nprint('x is', x)")
    )
    assert build(course).returncode == 0
    assert "x is 1" in page_of(course)
    (course / "autograder" / "module.py").write_text("x = 2\n")
    assert build(course).returncode == 0
    assert "x is 2" in page_of(course)


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


def test_the_address_of_the_repository_brings_its_buttons(course):
    assert build(course).returncode == 0
    result = build(course, COURSE_REPOSITORY_URL=ADDRESS, COURSE_REPOSITORY_BRANCH="spring")
    assert result.returncode == 0, result.stdout + result.stderr
    page = page_of(course)
    assert f'href="{ADDRESS}"' in page
    assert f"{ADDRESS}/blob/spring/book/page.md" in page
    assert "https://mybinder.org/v2/gh/owner/name/spring?urlpath=lab/tree/exercises/page/page.ipynb" in page


def test_an_address_that_is_none_is_refused_in_one_sentence(course):
    result = build(course, COURSE_REPOSITORY_URL="owner/name")
    assert result.returncode != 0
    assert "COURSE_REPOSITORY_URL is 'owner/name'; expected" in result.stdout
