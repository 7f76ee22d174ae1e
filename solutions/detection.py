# %% [markdown]
# # Detection: what is there, and where
#
# A classifier says *cat*. A detector says *a cat here, a dog there, and another dog behind it*. Its answers are boxes,
# and nobody tells it how many. You write what a detector is made of: how boxes are compared, chosen and judged, how
# they are proposed and corrected, how a region of any size becomes a vector, and how a network says all boxes in one
# pass.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that experiment with your functions: as long as
# one of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("box_iou").case()`, in a cell of your own, shows
# the first case that failed: what your function was given, what it returned, and what was expected. Put
# the name of a case between the last brackets to see that one. `check()` alone shows your points so far.
#
# What an exercise asks for is written, not taken from a library: torchvision has some of it ready-made, and is not
# allowed. Nor is autograd. Simpler functions are allowed, such as `torch.maximum`, `torch.log` or the maximum of a
# slice. Whatever your function uses stands in a cell of this notebook, not in a file that is imported or run with
# `%run`: the check reads your cells. A function may use functions of earlier cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}
import matplotlib.pyplot as plt
import torch

from autograder import check, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One function done for you: cut off at the border
#
# A box is four numbers: `x1`, `y1`, the corner at the top left, then `x2`, `y2`, the opposite one. The first pixel of
# an image reaches from 0 to 1. So a box from 1 to 3 is $3 - 1 = 2$ pixels wide, and nothing is added.
#
# - **x counts columns, y counts rows.** x goes to the right and y goes down. A tensor is asked in the other order:
#   `image[:, y, x]`.
# - **All boxes at once.** `boxes[:, 0]` are the left sides of all boxes. `boxes[:, :2]` are their first corners.
# - **A list may be empty.** An image without objects is an ordinary image, and `boxes` is (0, 4). Formulas for all
#   boxes at once need no special case for it.


# %%
def clip_boxes(boxes, height, width):
    x = boxes[:, 0::2].clamp(0, width)
    y = boxes[:, 1::2].clamp(0, height)
    return torch.stack([x, y], dim=2).flatten(1)


clip_boxes(torch.tensor([[-2.0, 1.0, 5.0, 9.0], [3.0, 2.0, 4.0, 3.0]]), height=6, width=8)

# %% [markdown]
# Five things hold for all your functions:
#
# - **Numbers.** Every number that you are given is finite, and no dimension has size 0, but that of a list: there may
#   be no boxes, no scores and no regions.
# - **Boxes.** Where nothing else is said, `x1 <= x2` and `y1 <= y2`. Coordinates may be fractions, and a box may reach
#   beyond the image.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input. Indices and labels are int64.
# - **The inputs are not yours.** `boxes += 1` and methods that end in an underscore write into the caller's
#   tensor. Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.

# %% [markdown]
# ## 1. How much two boxes overlap
# In the book: [How well a box fits](../../book/detection/windows.md#how-well-a-box-fits).
#
#
# How well does a box fit an object? Its *IoU* (합집합 대비 교집합 비율), *intersection over union*, says it in one
# number. What both boxes cover is divided by what at least one of them covers. Here $A$ and $B$ are two boxes, and
# $|A|$ is the area of $A$:
#
# $$\text{IoU} = \frac{|A \cap B|}{|A \cup B|} = \frac{|A \cap B|}{|A| + |B| - |A \cap B|}.$$
#
# By hand: $A$ is (0, 0, 4, 2) and $B$ is (2, 1, 6, 3). Both have the area 8. They share the part from 2 to 4 and from 1
# to 2, with the area 2. So the IoU is $2 / (8 + 8 - 2) = 0.143$. Equal boxes have 1, and boxes that only touch have 0.
# Think of two boxes that lie apart in both directions before you multiply two numbers.


# %% nbgrader={"grade_id": "box_iou", "solution": true}
def box_iou(a, b):
    """Intersection over union of every box of a with every box of b.

    a (N, 4), b (M, 4): boxes (x1, y1, x2, y2); N or M may be 0. Returns a tensor (N, M): the area
    that two boxes share, divided by the area that they cover together. It is 0 where they cover
    nothing.
    """
    ### BEGIN SOLUTION
    corner = torch.maximum(a[:, None, :2], b[:, :2])
    opposite = torch.minimum(a[:, None, 2:], b[:, 2:])
    intersection = (opposite - corner).clamp(min=0).prod(dim=2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(dim=1), (b[:, 2:] - b[:, :2]).prod(dim=1)
    union = area_a[:, None] + area_b - intersection
    return torch.where(union > 0, intersection / union, 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_box_iou", "grade": true}
check("box_iou")

# %% [markdown]
# ## 2. One box for each object
# In the book: [One box for each object](../../book/detection/windows.md#one-box-for-each-object).
#
#
# A detector finds each object many times, with boxes that differ by a few pixels. *Non-maximum suppression*
# (비최대 억제), NMS, keeps the best of them. The box with the highest score is kept. Every box that overlaps it by more
# than a threshold goes. Of those that are left the best one is kept, and so on, until none is left.
#
# By hand: three boxes have the scores 0.9, 0.8 and 0.7. The first and the second have the IoU 0.6, the second and the
# third have 0.6, too, and the first and the third have 0.3. With the threshold 0.5 the first is kept, and the second
# goes. So the third is kept: the box that it overlaps too much is not there any more.


# %% nbgrader={"grade_id": "nms", "solution": true}
def nms(boxes, scores, iou_threshold):
    """Non-maximum suppression: the best boxes, without those that overlap a better one too much.

    boxes (N, 4): (x1, y1, x2, y2); scores (N,), any numbers; N may be 0. Again and again the box
    with the highest score among those left is kept, of equal scores the one with the lowest index,
    and all boxes whose IoU with it is above iou_threshold go. Boxes that cover nothing have the
    IoU 0. Returns the indices of the boxes that are kept, int64, in the order in which they were
    kept.
    """
    ### BEGIN SOLUTION
    iou = box_iou(boxes, boxes)
    left = scores.argsort(descending=True, stable=True)
    keep = []
    while len(left):
        keep.append(left[0])
        left = left[1:][iou[left[0], left[1:]] <= iou_threshold]
    return torch.stack(keep) if keep else left
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_nms", "grade": true}
check("nms")

# %% [markdown]
# ### What is left
#
# Sixty boxes lie around three objects, and the next cell draws them, and then those that are kept. Change the
# threshold. What happens at 0.1, and what at 0.9?


# %%
@when_written
def boxes_before_and_after():
    generator = torch.Generator().manual_seed(0)
    objects = torch.tensor([[10.0, 12, 40, 60], [34, 20, 66, 58], [70, 30, 92, 80]])
    boxes = objects.repeat(20, 1) + 3 * torch.randn(60, 4, generator=generator)
    scores = box_iou(boxes, objects).amax(dim=1)
    kept = nms(boxes.to(device()), scores.to(device()), 0.4).tolist()
    _, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharex=True, sharey=True, layout="constrained")
    for axis, some, title in ((axes[0], list(range(60)), "60 boxes"), (axes[1], kept, f"{len(kept)} are kept")):
        for x1, y1, x2, y2 in boxes[some].tolist():
            axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="#0072B2"))
        axis.set(title=title, xlim=(0, 100), ylim=(95, 0), xlabel="x, pixels", ylabel="y, pixels", aspect="equal")


# %% [markdown]
# ## 3. How good is a detector?
# In the book: [Precision](../../book/detection/boxes.md#precision-recall-and-the-area-below).
#
#
# Somebody has compared the detections of one class with the objects of all test images, and says which are right. Now
# the threshold on the score goes down, so that one detection after the other counts, best first. Two numbers change.
# *Precision* (정밀도) is the share of right ones among the detections so far. *Recall* (재현율) is the share of the
# objects that have been found so far.
#
# *Average precision* (평균 정밀도), AP, is the area below this curve. The curve goes up and down, so it is made to go
# down only: at each recall the *best* precision counts of this recall and of all larger ones. Then each step of the
# recall is multiplied by the precision that counts there, and all are added up. A recall that is never reached adds
# nothing.
#
# By hand: four detections, best first, are right, wrong, right, wrong, and there are 3 objects. The precisions are
# $1, \tfrac12, \tfrac23, \tfrac12$, and the recalls $\tfrac13, \tfrac13, \tfrac23, \tfrac23$. From 0 to $\tfrac13$ the
# best precision is 1, from there to $\tfrac23$ it is $\tfrac23$, and further on there is none:
# $\tfrac13 \cdot 1 + \tfrac13 \cdot \tfrac23 = 0.556$.


# %% nbgrader={"grade_id": "average_precision", "solution": true}
def average_precision(scores, matched, n_truth):
    """The area below the precision over the recall, of one class (Everingham et al. 2015).

    scores (D,): those of the detections, in any order; matched (D,), bool: which are right; D may
    be 0. n_truth: how many objects there are. The detections count from the highest score down,
    equal scores in the order in which they are given. At each recall the precision is the highest
    one at this recall or a larger one, and 0 where none is. Returns a tensor without dimensions,
    of the dtype of scores; 0 for a class without objects.
    """
    ### BEGIN SOLUTION
    right = matched[scores.argsort(descending=True, stable=True)]
    places = right.nonzero()[:, 0] + 1
    hits = torch.arange(1, len(places) + 1, dtype=scores.dtype, device=scores.device)
    best = (hits / places).flip(0).cummax(dim=0).values
    return best.sum() / max(n_truth, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_average_precision", "grade": true}
check("average_precision")

# %% [markdown]
# ## 4. A box as a correction
# In the book: [A box as a correction](../../book/detection/proposals.md#a-box-as-a-correction).
#
#
# A network does not say where a box is. It is given a box that is about right, the *anchor* (앵커) or the proposal, and
# says how to change it. Four numbers do it: how far the center moves, and by what factor the size changes. The move is
# counted in widths and heights of the anchor, and of the factor the logarithm is taken. So the same four numbers mean
# the same change for a small box and for a large one, and no change is four zeros.
#
# The four numbers are the *deltas*:
#
# $$\frac{\text{move to the right}}{\text{width of the anchor}}, \quad
# \frac{\text{move down}}{\text{height of the anchor}}, \quad
# \ln\frac{\text{width of the box}}{\text{width of the anchor}}, \quad
# \ln\frac{\text{height of the box}}{\text{height of the anchor}}.$$
#
# By hand: the anchor (0, 0, 4, 2) has the center (2, 1) and is 4 wide and 2 high. The box (1, 0, 9, 2) has the center
# (5, 1) and is 8 wide and 2 high. The center moves by $3/4$ of a width and by no height. The width is doubled and the
# height stays. So the deltas are $(0.75, 0, \ln 2, 0) = (0.75, 0, 0.693, 0)$.


# %% nbgrader={"grade_id": "encode_boxes", "solution": true}
def encode_boxes(anchors, boxes):
    """The deltas that lead from each anchor to its box (Girshick et al. 2014, appendix C).

    anchors, boxes (N, 4): (x1, y1, x2, y2), wider and higher than 0; N may be 0. Returns (N, 4):
    the move of the center to the right in widths of the anchor and down in heights of it, then the
    natural logarithms of the factors of width and height.
    """
    ### BEGIN SOLUTION
    size, new_size = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    move = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return torch.cat([move / size, torch.log(new_size / size)], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_encode_boxes", "grade": true}
check("encode_boxes")

# %% [markdown]
# ### And back
#
# The network says deltas, and you want boxes. Solve the four formulas for the box. From its center and its size the two
# corners follow.
#
# By hand, with the anchor (0, 0, 4, 2) again, and the deltas $(-0.5, 1, 0, \ln 3)$: the center goes from (2, 1) to
# $(2 - 0.5 \cdot 4,\ 1 + 1 \cdot 2) = (0, 3)$. The size goes from 4 by 2 to 4 by 6. So the box is (−2, 0, 2, 6).


# %% nbgrader={"grade_id": "decode_boxes", "solution": true}
def decode_boxes(anchors, deltas):
    """The boxes to which deltas lead from anchors: the inverse of `encode_boxes`.

    anchors (N, 4): (x1, y1, x2, y2); deltas (N, 4): as `encode_boxes` returns them; N may be 0.
    Returns the boxes (N, 4), (x1, y1, x2, y2). Nothing is cut off: neither the deltas nor the boxes.
    """
    ### BEGIN SOLUTION
    size = anchors[:, 2:] - anchors[:, :2]
    center = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2] * size
    half = size * deltas[:, 2:].exp() / 2
    return torch.cat([center - half, center + half], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_decode_boxes", "grade": true}
check("decode_boxes")

# %% [markdown]
# ## 5. A loss that forgives large errors
# In the book: [Smooth L1](../../book/detection/proposals.md#smooth-l1-a-loss-that-forgives-large-errors).
#
#
# The deltas of a network are compared with those of the object. With the square of the difference, one bad box of an
# image pulls harder than all the others together. *Smooth L1* is the square for small differences and a straight line
# for large ones. Here $d$ is a difference, prediction minus target. Here $\beta$ is the number at which the two parts
# meet:
#
# $$\begin{cases} d^2 / (2\beta) & \text{if } |d| < \beta, \\ |d| - \beta / 2 & \text{else.} \end{cases}$$
#
# The loss is the mean over all numbers. Its slope is that of a square inside, and never more than 1 in size outside.
# You return the gradient, too: find the slope of each part, and do not forget what the mean does.
#
# By hand, with `beta` = 1 and the differences 0.5 and −3: the parts are $0.25 / 2 = 0.125$ and $3 - 0.5 = 2.5$, and the
# loss is their mean, 1.3125. The slopes are 0.5 and −1, so `dprediction` is $(0.25, -0.5)$.


# %% nbgrader={"grade_id": "smooth_l1", "solution": true}
def smooth_l1(prediction, target, beta):
    """Smooth L1 loss and its gradient (Girshick 2015, equation 3, where beta is 1).

    prediction, target: the same shape, any one; beta: a number above 0. A difference d counts
    d ** 2 / (2 * beta) where it is smaller than beta in size, and |d| - beta / 2 elsewhere. Returns
    (loss, dprediction): the mean over all numbers, without dimensions, and its gradient with
    respect to prediction.
    """
    ### BEGIN SOLUTION
    d = prediction - target
    near = d.abs() < beta
    loss = torch.where(near, d**2 / (2 * beta), d.abs() - beta / 2).mean()
    return loss, torch.where(near, d / beta, d.sign()) / d.numel()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_smooth_l1", "grade": true}
check("smooth_l1")

# %% [markdown]
# ## 6. Any size in, one size out: the pyramid
# In the book: [SPP-net: look first, then cut](../../book/detection/regions.md#spp-net-look-first-then-cut).
#
#
# A linear layer wants a vector of fixed length, and a map of features has the size that the image gives it. *Spatial
# pyramid pooling* (공간 피라미드 풀링) divides the map into a fixed number of bins instead of bins of a fixed size.
# Level 1 is one bin, the whole map. Level 2 is two by two bins, level 4 four by four. The maximum of every bin is
# taken.
#
# When 3 rows are divided into 2 bins, the border falls inside a row. Then this row belongs to both bins: a bin begins
# at its share *rounded down* and ends at its share *rounded up*. Of $n$ rows the first bin of two has those from 0 up
# to $n/2$ rounded up, and the second has those from $n/2$ rounded down.
#
# By hand, with one channel and the levels 2 and 1:
#
# $$\begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \\ 7 & 8 & 9 \end{pmatrix} \quad\text{gives}\quad (5, 6, 8, 9, 9).$$
#
# The first bin has the rows 0 and 1 and the columns 0 and 1, and its maximum is 5. All four bins have the middle.


# %% nbgrader={"grade_id": "spatial_pyramid_pool", "solution": true}
def spatial_pyramid_pool(features, levels):
    """The maxima of the bins of several grids over the same maps (He et al. 2014, section 2.2).

    features (N, C, H, W); levels: a list of whole numbers; level l has l by l bins. Bin i has the
    rows from i * H / l, rounded down, up to (i + 1) * H / l, rounded up and not included; the
    columns likewise. Returns (N, C * sum of l * l): the levels one after the other as they are
    given, each flattened as (C, l, l).
    """
    ### BEGIN SOLUTION
    height, width = features.shape[2:]

    def bins(size, level):
        return [slice(k * size // level, -(-(k + 1) * size // level)) for k in range(level)]

    pooled = [
        torch.stack([features[:, :, y, x].amax(dim=(2, 3)) for y in bins(height, level) for x in bins(width, level)], 2)
        for level in levels
    ]
    return torch.cat([part.flatten(1) for part in pooled], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_spatial_pyramid_pool", "grade": true}
check("spatial_pyramid_pool")

# %% [markdown]
# ## 7. The same for a region
# In the book: [RoI pooling, and the way back](../../book/detection/regions.md#roi-pooling-and-the-way-back).
#
#
# The network looks at the image once, and every region is cut out of the *map*, not out of the image. A map behind four
# poolings is 16 times smaller than the image, so the coordinates are multiplied by `spatial_scale` = 1/16. Then *RoI
# pooling* (RoI 풀링; RoI means *region of interest*, 관심 영역) divides the region into bins, as above. Three things
# are new:
#
# - **Pixels.** The corners are rounded to whole pixels of the map. A half is rounded up: 2.5 gives 3. Both corners are
#   pixels of the region: from column 1 to column 3 there are three columns.
# - **Strange regions.** A region may be turned round, so that `x2` lies before `x1`. It counts as one column wide, and
#   begins at `x1`. The same holds for rows.
# - **The border.** A region may reach beyond the map. First it is divided into bins, then what lies outside is cut off.
#   A bin of which nothing is left gives 0.
#
# By hand, on the map above: the region from (0.6, 0.2) to (2.2, 1.4), with `spatial_scale` 1. Rounded, it has the
# columns 1 to 2 and the rows 0 to 1. One by two bins have one column each, and give 5 and 6.


# %% nbgrader={"grade_id": "roi_max_pool_forward", "solution": true}
def roi_max_pool_forward(features, rois, output_size, spatial_scale):
    """The maxima of the bins of regions of maps (Girshick 2015, section 2.1), as torchvision's roi_pool.

    features (N, C, H, W); rois (R, 5): the number of the image, then x1, y1, x2, y2 in the image; R
    may be 0. spatial_scale: pixels of the map for one of the image. The corners times spatial_scale
    are rounded to the nearest whole number, halves up. A region has the columns x1 to x2, both
    included, but at least one, and the rows likewise. output_size: how many rows and columns of
    bins, a pair. Bin i of l has the rows of the region from i * h / l, rounded down, up to
    (i + 1) * h / l, rounded up and not included, where h is the number of its rows; the columns
    likewise. What lies outside the map is left out of a bin, and a bin with no pixel is 0. Returns
    (out, cache); out is (R, C, *output_size).
    """
    ### BEGIN SOLUTION
    height, width = features.shape[2:]

    def bins(first, last, count, size):
        extent = max(last - first + 1, 1)
        edges = [(first + k * extent // count, first - (-(k + 1) * extent // count)) for k in range(count)]
        return [(min(max(begin, 0), size), min(max(end, 0), size)) for begin, end in edges]

    corners = torch.floor(rois[:, 1:] * spatial_scale + 0.5).long().tolist()
    out = features.new_zeros(len(rois), features.shape[1], *output_size)
    kept = []
    for r, (image, (x1, y1, x2, y2)) in enumerate(zip(rois[:, 0].long().tolist(), corners, strict=True)):
        for i, (top, bottom) in enumerate(bins(y1, y2, output_size[0], height)):
            for j, (left, right) in enumerate(bins(x1, x2, output_size[1], width)):
                if top < bottom and left < right:
                    part = features[image, :, top:bottom, left:right].flatten(1)
                    best = part.argmax(dim=1)
                    out[r, :, i, j] = part.gather(1, best[:, None])[:, 0]
                    kept.append((image, (r, i, j), top + best // (right - left), left + best % (right - left)))
    return out, (features, kept)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_roi_max_pool_forward", "grade": true}
check("roi_max_pool_forward")

# %% [markdown]
# ### Back through the regions
#
# Each bin has one pixel that decided its result. There the gradient of the bin goes, and nowhere else. If a bin has
# several equal maxima, the first one gets it, row by row. Regions overlap: what does a pixel get that is the maximum of
# several bins?
#
# By hand, with the region above and a `dout` of 10 and 20: the 5 gets 10, the 6 gets 20, and all others get 0.


# %% nbgrader={"grade_id": "roi_max_pool_backward", "solution": true}
def roi_max_pool_backward(dout, cache):
    """The gradient of the loss with respect to the features of `roi_max_pool_forward`.

    dout (R, C, *output_size): gradient of the loss with respect to out. cache: as
    `roi_max_pool_forward` returned it. Returns dfeatures, of the shape of the features. The
    gradient of a bin goes to its first maximum, row by row, that of a bin with no pixel nowhere.
    """
    ### BEGIN SOLUTION
    features, kept = cache
    dfeatures = torch.zeros_like(features)
    channels = torch.arange(features.shape[1], device=features.device)
    for image, (r, i, j), y, x in kept:
        dfeatures[image, channels, y, x] += dout[r, :, i, j]
    return dfeatures
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_roi_max_pool_backward", "grade": true}
check("roi_max_pool_backward")

# %% [markdown]
# ## 8. Anchors
# In the book: [Anchors: the same boxes everywhere](../../book/detection/faster.md#anchors-the-same-boxes-everywhere).
#
#
# Where do the first boxes come from? Faster R-CNN puts the same few boxes everywhere: small and large ones, flat and
# tall ones. They have *scales* and *ratios*. The scale is the side of a square with the same area. The *ratio*
# (종횡비) is the height divided by the width. It changes the form and keeps the area.
#
# By hand: the scale 4 and the ratio 0.25. The area is 16, and the height is a quarter of the width: 8 wide, 2 high.
# With its center at 0 the anchor is (−4, −1, 4, 1). What must the width be for any scale and ratio?


# %% nbgrader={"grade_id": "generate_anchors", "solution": true}
def generate_anchors(scales, ratios):
    """Boxes around 0 of every scale with every ratio (Ren et al. 2015, section 3.1.1).

    scales (S,), ratios (A,): tensors of numbers above 0. The area of an anchor is the square of its
    scale, and its height divided by its width is its ratio. Returns (S * A, 4): (x1, y1, x2, y2)
    with the center at 0; first all ratios with the first scale, then with the second, and so on.
    """
    ### BEGIN SOLUTION
    root = ratios.sqrt()
    sizes = torch.stack([scales[:, None] / root, scales[:, None] * root], dim=2).reshape(-1, 2)
    return torch.cat([-sizes, sizes], dim=1) / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_generate_anchors", "grade": true}
check("generate_anchors")

# %% [markdown]
# ### Everywhere
#
# A cell of the map stands for `stride` by `stride` pixels of the image. Its center lies in the middle of these pixels,
# not at their corner. Around the center of every cell lie all anchors.
#
# By hand, with `stride` 8: the cell in row 1 and column 2 has the pixels from 16 to 24 and from 8 to 16. Its center
# lies $2.5 \cdot 8 = 20$ pixels to the right and $1.5 \cdot 8 = 12$ down. The anchor (−4, −1, 4, 1) becomes (16, 11,
# 24, 13).


# %% nbgrader={"grade_id": "anchor_grid", "solution": true}
def anchor_grid(anchors, height, width, stride):
    """The anchors of every cell of a map, in pixels of the image (Ren et al. 2015, section 3.1.1).

    anchors (A, 4): boxes around 0; height, width: rows and columns of cells; stride: pixels of the
    image for a cell along each axis. Returns (height * width * A, 4): the anchors around the center
    of each cell, ordered by row, then column, then anchor.
    """
    ### BEGIN SOLUTION
    y, x = ((torch.arange(size).to(anchors) + 0.5) * stride for size in (height, width))
    y, x = torch.meshgrid(y, x, indexing="ij")
    centers = torch.stack([x, y, x, y], dim=2)
    return (centers[:, :, None] + anchors).reshape(-1, 4)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_anchor_grid", "grade": true}
check("anchor_grid")

# %% [markdown]
# ### Look at them
#
# The anchors of one cell, and the centers of all cells. How many anchors has an image of 640 by 480 pixels with a
# stride of 16 and nine anchors a cell?


# %%
@when_written
def anchors_of_a_cell():
    scales, ratios = torch.tensor([24.0, 48.0], device=device()), torch.tensor([0.5, 1.0, 2.0], device=device())
    anchors = generate_anchors(scales, ratios)
    grid = anchor_grid(anchors, height=6, width=8, stride=16).cpu().reshape(6, 8, -1, 4)
    _, axis = plt.subplots(figsize=(5, 3.8), layout="constrained")
    axis.plot(*((grid[:, :, 0, :2] + grid[:, :, 0, 2:]) / 2).flatten(0, 1).T, ".", color="#666666")
    for number, (x1, y1, x2, y2) in enumerate(grid[2, 4].tolist()):
        axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=f"C{number % 3}"))
    axis.set(xlim=(0, 128), ylim=(96, 0), xlabel="x, pixels", ylabel="y, pixels", aspect="equal")
    print(f"{grid[..., 0].numel()} anchors in an image of 128 by 96 pixels")


# %% [markdown]
# ## 9. Which anchor learns what
# In the book: [Which anchor learns what](../../book/detection/faster.md#which-anchor-learns-what).
#
#
# Most anchors lie on nothing. Each of them needs a label. An anchor is *positive*, 1, if its IoU with some object is at
# least `high`, and *negative*, 0, if it stays below `low` with all of them. Between the two nobody knows: the label is
# −1, and the loss leaves it out. Beside the label stands the *match*: the object that the anchor overlaps most.
#
# An object that no anchor fits well would be lost. So every object keeps the anchor that fits it best, however badly.
# This anchor becomes positive, and it is matched to this object, also if it overlaps another one more.
#
# By hand, with `low` 0.3 and `high` 0.7. The rows are anchors, the columns objects:
#
# $$\begin{pmatrix} 0.8 & 0.1 \\ 0.5 & 0.4 \\ 0.6 & 0.2 \\ 0.1 & 0.2 \end{pmatrix}$$
#
# By the thresholds the labels are 1, −1, −1, 0, and the matches are 0, 0, 0, 1. The second object has its best anchor
# in row 1, with 0.4. So this anchor gets the label 1 and the match 1: the labels are 1, 1, −1, 0, and the matches 0, 1,
# 0, 1.


# %% nbgrader={"grade_id": "assign_anchors", "solution": true}
def assign_anchors(iou, low, high):
    """What each anchor has to learn (Ren et al. 2015, section 3.1.2).

    iou (A, M): of every anchor with every box; every box overlaps some anchor, and no two boxes
    have the same first best anchor. low, high: numbers, low <= high. Returns (labels, matches),
    both (A,), int64. With m the largest IoU of an anchor: its label is 1 where m >= high, 0 where
    m < low, -1 between. Its match is the box with this IoU, the first of several. Then the anchor
    with the largest IoU of each box, the first of several, gets the label 1 and this box for its
    match.
    """
    ### BEGIN SOLUTION
    best, matches = iou.max(dim=1)
    labels = torch.where(best >= high, 1, torch.where(best < low, 0, -1))
    of_boxes = iou.argmax(dim=0)
    labels[of_boxes] = 1
    matches[of_boxes] = torch.arange(iou.shape[1], device=iou.device)
    return labels, matches
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_assign_anchors", "grade": true}
check("assign_anchors")

# %% [markdown]
# ## 10. All in one pass
# In the book: [A grid of squares](../../book/detection/yolo.md#a-grid-of-squares).
#
#
# YOLO has neither proposals nor anchors. It divides the image into `grid` by `grid` cells. For each cell the network
# gives some boxes of five numbers each, and after them one number for each class. The five numbers are:
#
# - x and y: where the center lies *in the cell*, from 0 at its left or upper side to 1 at the other,
# - the width and the height, as shares of the *image*,
# - the confidence: how sure the network is that there is an object, and that the box fits it.
#
# You make corners of them, as shares of the image, and the score of each box for each class: the confidence times the
# number of the class.
#
# By hand, with a grid of 2 and one box in the cell in row 0 and column 1: 0.5, 0.5, 0.4, 0.2, 0.9. Its center lies
# $(1 + 0.5)/2 = 0.75$ to the right and $(0 + 0.5)/2 = 0.25$ down. Half of the width is 0.2, half of the height 0.1. So
# the box is (0.55, 0.15, 0.95, 0.35). With 0.3 and 0.7 for two classes the scores are 0.27 and 0.63.


# %% nbgrader={"grade_id": "yolo_decode", "solution": true}
def yolo_decode(output, boxes, classes, grid):
    """The boxes and the scores in the output of YOLO (Redmon et al. 2016, section 2).

    output (N, grid, grid, 5 * boxes + classes): rows of cells, then columns; in a cell first the
    boxes, each x, y, width, height, confidence, then one number for each class. x and y lie in the
    cell, width and height are shares of the image. boxes, classes, grid: whole numbers. Returns
    (corners, scores): (N, grid * grid * boxes, 4), (x1, y1, x2, y2) in shares of the image, and
    (N, grid * grid * boxes, classes), the confidence times the number of each class; both ordered
    by row, then column, then box. Nothing is cut off.
    """
    ### BEGIN SOLUTION
    each = output[..., : 5 * boxes].unflatten(-1, (boxes, 5))
    rows, columns = torch.meshgrid(*[torch.arange(grid).to(output)] * 2, indexing="ij")
    centers = (each[..., :2] + torch.stack([columns, rows], dim=2)[:, :, None]) / grid
    half = each[..., 2:4] / 2
    scores = each[..., 4:] * output[..., None, 5 * boxes :]
    return torch.cat([centers - half, centers + half], dim=-1).flatten(1, 3), scores.flatten(1, 3)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_yolo_decode", "grade": true}
check("yolo_decode")

# %% [markdown]
# ### From the output to the answer
#
# All three parts together: an output is made up for one image, its boxes are decoded, and NMS chooses among them.


# %%
@when_written
def answer_of_one_pass():
    output = torch.zeros(1, 3, 3, 12)
    output[0, 1, 1] = torch.tensor([0.5, 0.5, 0.5, 0.4, 0.9, 0.4, 0.6, 0.6, 0.4, 0.7, 0.9, 0.1])
    output[0, 0, 2] = torch.tensor([0.3, 0.5, 0.3, 0.3, 0.8, 0.5, 0.5, 0.1, 0.1, 0.1, 0.2, 0.8])
    corners, scores = yolo_decode(output, boxes=2, classes=2, grid=3)
    best, classes = scores[0].max(dim=1)
    for box in nms(corners[0], best, 0.5).tolist():
        if best[box] > 0.2:
            place = ", ".join(f"{number:.2f}" for number in corners[0, box].tolist())
            print(f"class {classes[box]} at ({place}), score {best[box]:.2f}")
