"""The time of the submission is no time."""

from submissions import write

REMARKS = ["timestamp.txt was left out"]


def hand_in(folder, notebook):
    write(folder, notebook)
    (folder / "timestamp.txt").write_text("99999999999999999999999-13-32 <script>alert(1)</script>")
