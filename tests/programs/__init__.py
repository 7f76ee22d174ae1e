"""Programs that a grader could easily get wrong, one module of tables a chapter: as others wrote them, right and wrong.

Each table is by what is special about a program. `problem` is the function that it answers; of the `functions` the
first has that name, and a second one is its forward function.

SEEDS         the seeds of the cases on which the tables WRONG and RIGHT are judged
WRONG         (problem, functions, the criteria that it must lose)
PARTLY_RIGHT  (problem, functions, the criteria that it must lose: these and no others), on the first seed alone
RIGHT         (problem, functions)
STOPPED       (problem, functions, the operation that is named): torch's own operation, stopped where it runs
REFUSED       (problem, cells, a part of the sentence that is said): the same, read in the source
ALLOWED       (problem, cells): what looks like it and is none

The known programs of a problem are beside the problem; these need not stand alone and have no hints.
"""
