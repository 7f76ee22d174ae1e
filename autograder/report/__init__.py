"""The instructor's picture of a class: what grading has left, read, counted and written as pages and tables."""
