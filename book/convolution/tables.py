"""Drawing a table of numbers with a window on it."""

import matplotlib.pyplot as plt


def draw_table(ax, values, row=0, column=0, size=9):
    """Draw a table of numbers as cells; None leaves a cell empty."""
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            place = (column + j, row + i)
            ax.add_patch(plt.Rectangle(place, 1, 1, fill=False, ec="C6", lw=0.6))
            if value is not None:
                ax.text(
                    place[0] + 0.5,
                    place[1] + 0.53,
                    f"{value:g}".replace("-", "−"),
                    ha="center",
                    va="center",
                    size=size,
                )


def mark(ax, row, column, height, width, color, alpha=0.25):
    """Color a rectangle of cells."""
    place = (column, row)
    ax.add_patch(plt.Rectangle(place, width, height, color=color, alpha=alpha, lw=0))
    ax.add_patch(plt.Rectangle(place, width, height, fill=False, ec=color, lw=2))


def finish_table(ax, width, height, title=""):
    ax.set(
        xlim=(-0.1, width + 0.1),
        ylim=(height + 0.1, -0.1),
        aspect="equal",
        title=title,
    )
    ax.axis("off")
