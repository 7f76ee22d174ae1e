"""What is measured on outputs where many are right, one module a chapter; of what is right it knows no more than that.

A handout for students holds these modules and no problem: they compute from what came back, from the arguments of the
case and from what it keeps, and import nothing of `references`, `problems` or `programs`.
"""
