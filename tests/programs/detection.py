"""x"""
SEEDS = (0,)
