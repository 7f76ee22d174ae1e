"""Grading: what is handed in, the notebook that is graded, the gradebook."""

import sys

# jsonschema, which reads notebooks, builds a parser of internationalised addresses when it is imported, and loads the
# names of months in all languages to read durations: more than a second in every process, for what no notebook has.
for unneeded in ("rfc3987_syntax", "isoduration"):
    sys.modules.setdefault(unneeded, None)
