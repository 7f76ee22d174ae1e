"""How a check and its verdict are known: the beginning of its grade_id, and the type of the verdict in its output."""

PREFIX = "check_"
MIME = "application/vnd.autograder.verdict+json"
