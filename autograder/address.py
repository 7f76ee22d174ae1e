"""Where the course is published, if whoever builds it says so."""

import os


def repository() -> tuple[str, str]:
    """The address of the course's repository and its branch, from the environment; the address is empty if none is set.

    Raises `ValueError` where COURSE_REPOSITORY_URL is no address.
    """
    url = os.environ.get("COURSE_REPOSITORY_URL", "").strip().rstrip("/").removesuffix(".git")
    branch = os.environ.get("COURSE_REPOSITORY_BRANCH", "").strip() or "main"
    if url and not (url.startswith("https://") and url.count("/") >= 4):
        raise ValueError(
            f"COURSE_REPOSITORY_URL is {url!r}; expected an address such as https://github.com/owner/name."
        )
    return url, branch
