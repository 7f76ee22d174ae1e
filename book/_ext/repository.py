"""Repository and launch buttons, only when the repository's address is given at build time.

``COURSE_REPOSITORY_URL`` is the address (``https://github.com/owner/name``), ``COURSE_REPOSITORY_BRANCH`` the
branch (``main`` when it is not set). Without an address the pages carry no such button.
"""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from autograder.address import repository

BINDER_FOLDER = {"https://github.com": "gh", "https://gitlab.com": "gl"}


def address() -> tuple[str, str]:
    """Return (url, branch) from the environment; the url is empty when none is given."""
    try:
        return repository()
    except ValueError as error:
        raise ConfigError(f"{error} Correct it, or unset it to build the book without repository buttons.") from None


def show_repository(app: Sphinx, config: Config) -> None:
    """Switch on the theme's repository buttons."""
    url, branch = address()
    if url:
        config.html_theme_options |= {
            "repository_url": url,
            "repository_branch": branch,
            "path_to_docs": "book",
            "use_repository_button": True,
            "use_issues_button": True,
            "use_source_button": True,
        }


def add_launch_button(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Offer the chapter's exercise notebook on Binder; the theme's own button would open the text."""
    url, branch = address()
    notebook = f"exercises/{pagename}/{pagename}.ipynb"
    host, _, name = url.partition("//")[2].partition("/")
    folder = BINDER_FOLDER.get(f"https://{host}")
    if folder is None or not Path(app.srcdir).parent.joinpath(notebook).is_file():
        return
    name = name.replace("/", "%2F") if folder == "gl" else name
    context["header_buttons"].append(
        {
            "type": "link",
            "url": f"https://mybinder.org/v2/{folder}/{name}/{branch}?urlpath=lab/tree/{notebook}",
            "tooltip": "Open the exercise notebook on Binder",
            "icon": "fas fa-rocket",
            "label": "launch-exercise-button",
        }
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", show_repository)
    app.connect("html-page-context", add_launch_button, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
