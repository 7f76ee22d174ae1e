"""Drawings of networks: boxes and arrows, and the layers of a table as bars."""

from itertools import pairwise

from matplotlib.patches import FancyArrowPatch, Rectangle
from tables import counted
from torch import nn

from autograder.references.cnn_history.convolutions import Concat, ConvNormReLU


def boxes(ax, places, arrows=(), size=8, width=1.7, height=0.6):
    """Boxes {name: (x, y, text, color)} and arrows (from, to) or (from, to, bend).

    A fifth entry is how much wider a box is than the others; arrows are upright where such a box allows it.
    """
    wider = {name: place[4] if len(place) > 4 else 0 for name, place in places.items()}
    for name, (x, y, text, color, *_) in places.items():
        wide = width + wider[name]
        corner = (x - wide / 2, y - height / 2)
        if color:
            ax.add_patch(Rectangle(corner, wide, height, fc=color, alpha=0.22, lw=0))
            ax.add_patch(Rectangle(corner, wide, height, fill=False, ec=color, lw=1.2))
        ax.text(x, y, text, ha="center", va="center", size=size)
    for start, end, *bend in arrows:
        (x1, y1), (x2, y2) = places[start][:2], places[end][:2]
        x1, x2 = toward(x2, x1, wider[start] / 2), toward(x1, x2, wider[end] / 2)
        flat = y1 == y2
        across = (width / 2 if x2 > x1 else -width / 2) if flat else 0
        up = 0 if flat else height / 2
        arrow = FancyArrowPatch(
            (x1 + across, y1 - up),
            (x2 - across, y2 + up),
            connectionstyle=f"arc3,rad={bend[0] if bend else 0}",
            arrowstyle="-|>",
            mutation_scale=9,
            color="C6",
            lw=1.1,
            shrinkA=0,
            shrinkB=0,
        )
        ax.add_patch(arrow)
    xs = [place[0] + side * (width + wider[name]) for name, place in places.items() for side in (-0.5, 0.5)]
    ys = [place[1] for place in places.values()]
    ax.set(
        xlim=(min(xs) - 0.3 * width, max(xs) + 0.3 * width),
        ylim=(min(ys) - height, max(ys) + height),
    )
    ax.axis("off")


def toward(aim, x, reach):
    """The place nearest to `aim` that is at most `reach` from x."""
    return min(max(aim, x - reach), x + reach)


def column(texts, x=0.0, color="C0", top=0.0, step=1.05, name=""):
    """Boxes below each other, and the arrows between them; no color is no frame."""
    places = {f"{name}{place}": (x, top - step * place, text, color) for place, text in enumerate(texts)}
    return places, list(pairwise(places))


def branches(start, paths, end, apart=1.9, step=1.5):
    """Boxes from `start` along each of the paths side by side to `end`; a box is (text, color)."""
    bottom, wider = -step * (max(map(len, paths)) + 1), apart * (len(paths) - 1)
    places, arrows = {"start": (0, 0, *start, wider), "end": (0, bottom, *end, wider)}, []
    for number, path in enumerate(paths):
        x = apart * (number - (len(paths) - 1) / 2)
        names = [f"{number}.{place}" for place in range(len(path))]
        for place, (name, box) in enumerate(zip(names, path, strict=True), 1):
            places[name] = (x, bottom * place / (len(path) + 1), *box)
        arrows += pairwise(["start", *names, "end"])
    return places, arrows


def path_of(branch):
    """The boxes of a branch as the network has it: kernel and maps of each convolution."""
    if isinstance(branch, ConvNormReLU):
        conv = branch.conv
        color = "C1" if conv.kernel_size == (1, 1) else "C0"
        return [("{}×{}\n{}".format(*conv.kernel_size, conv.out_channels), color)]
    if isinstance(branch, Concat):
        ends = [path_of(part)[0][0].split("\n") for part in branch]
        return [("\n".join(", ".join(parts) for parts in zip(*ends, strict=True)), "C0")]
    if isinstance(branch, nn.Sequential):
        return [box for part in branch for box in path_of(part)]
    return [("pool", "C2")]


def bars(axes, table):
    """Activations, parameters and multiply-adds of the layers with weights, in millions."""
    rows = counted(table)
    for ax, name, color in zip(
        axes,
        ("activations", "parameters", "multiply_adds"),
        ("C0", "C1", "C2"),
        strict=True,
    ):
        values = [getattr(row, name) / 1e6 for row in rows]
        ax.bar(range(len(rows)), values, color=color, width=0.75)
        ax.set_ylabel(name.replace("_", "-") + "\n(million)", size=8)
        ax.grid(axis="x", visible=False)
        ax.set_xticks(range(len(rows)), [])
    names = [row.name for row in rows]
    axes[-1].set_xticks(range(len(rows)), names, rotation=60, ha="right", size=7)


def images_on(axes, images, limit=None, colors="gray"):
    """Small images side by side; with RdBu blue is positive and white is 0."""
    low = -limit if limit and colors == "RdBu" else (0 if limit else None)
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, cmap=colors, vmin=low, vmax=limit)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
