"""Calling a student's functions. The one folder of the package that goes into the sandbox: it knows no reference."""
