"""A cell fills every place that can be written to; after it, everything is right."""

from submissions import insert, write

SHOWN = ["/tmp: full", "/dev/shm: full", "/home/student: full"]


def hand_in(folder, notebook):
    source = """
for place in ("/tmp", "/dev/shm", "/home/student"):
    try:
        for number in range(1000):
            with open(f"{place}/{number}", "wb") as file:
                file.write(b"x" * 2**22)
    except OSError as error:
        print(f"{place}: full,", error)
"""
    insert(notebook, source)
    write(folder, notebook)
