"""The scenes of this chapter, a classifier of windows, and networks that say a class for every pixel."""

import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, jaccard_score
from torch import nn

from autograder.datasets import scenes

KINDS = (0, 1, 7)
NAMES = ("ground", *map(str, KINDS))
CLASSES = len(NAMES)
WINDOW = 22


def small_scenes(count, seed, part="train"):
    """Scenes of one or two digits, 32 by 32 pixels."""
    generator = torch.Generator().manual_seed(seed)
    return scenes(count, generator, part, size=32, most=2, sides=(14, 24), kinds=KINDS)


def large_scenes(count, seed, part="train", size=48):
    """Scenes of up to four digits that are not larger than a window."""
    generator = torch.Generator().manual_seed(seed)
    return scenes(count, generator, part, size=size, most=4, sides=(14, 20), kinds=KINDS)


def windows(some):
    """Windows cut from scenes: images (n, 1, 22, 22) and classes (n,).

    A window whose middle lies at most 2 pixels from that of a digit has the digit's class. One that
    is 6 or more from the middle of every digit is ground, with or without ink. The others are left out.
    """
    images, classes = [], []
    last = some.images.shape[-1] - WINDOW
    for image, boxes, labels in zip(some.images, some.boxes, some.labels, strict=True):
        corners = (boxes[:, :2] + boxes[:, 2:]) / 2 - WINDOW / 2
        for y in range(0, last + 1, 2):
            for x in range(0, last + 1, 2):
                far = (corners - torch.tensor([x, y])).abs().amax(1)
                if (far <= 2).sum() == 1:
                    classes.append(1 + labels[far <= 2].item())
                elif (far >= 6).all() and (x + y) % 8 == 0:
                    classes.append(0)
                else:
                    continue
                images.append(image[:, y : y + WINDOW, x : x + WINDOW])
    return torch.stack(images), torch.tensor(classes)


def block(inputs, outputs, padding=0):
    """Convolution 3 by 3, batch normalization, ReLU, and pooling to half the size."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=padding)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))


class WindowClassifier(nn.Module):
    """Two blocks without padding, 22 pixels to 4 by 4 cells, and two fully connected layers."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(block(1, 12), block(12, 24))
        self.hidden = nn.Linear(24 * 4 * 4, 32)
        self.out = nn.Linear(32, CLASSES)

    def forward(self, x):
        return self.out(F.relu(self.hidden(self.features(x).flatten(1))))


class FCN(nn.Module):
    """A fully convolutional network of 0, 1 or 2 skip connections: it answers every 8, 4 or 2 pixels.

    x (N, channels, H, W), H and W multiples of 8; the logits are (N, classes, H, W).
    """

    def __init__(self, skips, channels=1, classes=CLASSES):
        super().__init__()
        self.blocks = nn.ModuleList([block(channels, 12, 1), block(12, 24, 1), block(24, 32, 1)])
        self.hidden = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.score = nn.Conv2d(32, classes, 1)
        self.skips = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in (24, 12)[:skips])

    def forward(self, x):
        maps = []
        for layers in self.blocks:
            x = layers(x)
            maps.append(x)
        scores = self.score(self.hidden(x))
        for skip, finer in zip(self.skips, (maps[1], maps[0]), strict=False):
            scores = enlarged(scores, 2) + skip(finer)
        return enlarged(scores, 8 // 2 ** len(self.skips))


def enlarged(scores, factor):
    return F.interpolate(scores, scale_factor=factor, mode="bilinear")


def fit(net, images, targets, rate, steps, seed=0, batch=16):
    """Adam on batches, the rate first rising, then falling to 0; a class for each image or for each pixel.

    Returns the network and the mean loss of its last 20 steps.
    """
    generator = torch.Generator().manual_seed(seed)
    # Where the numbers lie in memory: pixel by pixel is faster than map by map.
    net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    losses = []
    net.train()
    for _ in range(steps):
        some = torch.randint(len(images), (batch,), generator=generator)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images[some]), targets[some])
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return net.eval(), sum(losses[-20:]) / 20


def answers(net, images):
    """The class with the largest logit, for each image or each pixel."""
    with torch.no_grad():
        return net(images).argmax(1)


def measures(found, target):
    """Pixel accuracy and mean IoU, both in percent, by scikit-learn."""
    found, target = found.flatten(), target.flatten()
    return 100 * accuracy_score(target, found), 100 * jaccard_score(target, found, average="macro")
