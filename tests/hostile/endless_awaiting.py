"""A solution's cell leaves a task behind that never lets the kernel answer again."""

from submissions import cell, write

LOST = {"check_maxout_backward": "maxout_backward is not defined"}
LIMITS = {"cell_seconds": 1}


def hand_in(folder, notebook):
    cell(notebook, "maxout_backward").source += """

import asyncio
async def forever():
    while True:
        pass
asyncio.get_event_loop().create_task(forever())
"""
    del notebook.cells[notebook.cells.index(cell(notebook, "check_maxout_backward")) + 1 :]
    write(folder, notebook)
