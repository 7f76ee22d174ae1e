"""A text that Python carries, and a model of it that looks a few letters back."""

import math
import re
from collections import Counter, defaultdict
from pydoc_data.topics import topics

LETTERS = " abcdefghijklmnopqrstuvwxyz"
# The help texts of Python: small letters, and one space for all that is between words.
TEXT = re.sub(r"[^a-z]+", " ", " ".join(topics[name] for name in sorted(topics)).lower())
PLACE = len(TEXT) * 9 // 10
LEARN, TEST = TEXT[:PLACE], TEXT[PLACE:]


def followers(text, k):
    """How often each letter came behind each k letters."""
    found = defaultdict(Counter)
    for at in range(k, len(text)):
        found[text[at - k : at]][text[at]] += 1
    return found


def cost(found, text, k, letters=27, extra=0.1):
    """The mean of -ln p over the letters of a text, in nats; each letter counts as seen 0.1 times more often."""
    total = 0.0
    for at in range(k, len(text)):
        row = found.get(text[at - k : at], Counter())
        total -= math.log((row[text[at]] + extra) / (row.total() + extra * letters))
    return total / (len(text) - k)


def written(found, k, start, length, random):
    """Letters drawn one after the other, each from what came behind the last k."""
    text = start
    for _ in range(length):
        row = found[text[len(text) - k :]]
        text += random.choices(list(row), list(row.values()))[0]
    return text
