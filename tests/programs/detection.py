"""x"""

SEEDS = (0,)
