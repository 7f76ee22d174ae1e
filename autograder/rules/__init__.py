"""The rules about method, read from the source: what a graded function uses. Nothing of the student's is run.

`calls` enforces the same rules while a function runs. Reading finds what never gets as far as torch's dispatcher, and
deters; that the outputs are right is decided elsewhere. So where a use cannot be told from an ordinary one, it passes.

Only what the graded function can reach by name counts: functions, classes, assignments and imports of any cell, the
last definition of each name. What experiments do beside it does not. An assignment to ``torch.Tensor.clamp``, in
whatever cell, counts for a function that uses something called ``clamp``; one to an operator, to a private part of
torch or to the autograder always.
"""
