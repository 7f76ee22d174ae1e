"""The search for the first rule that a function breaks, through everything that it reaches."""

import ast
from collections.abc import Collection, Iterator

from autograder.calls.enforcement import AUTOGRAD
from autograder.calls.kinds import DIFFERENTIATED
from autograder.problem import Judged
from autograder.rules.allowed import (
    AUTOGRAD_METHODS,
    ELSEWHERE,
    ESCAPES,
    FRAMES,
    LIBRARIES,
    MODULES,
    PATCHED,
    SETTINGS,
    SHOWN,
    Exercise,
    is_autograd,
    is_needless,
)
from autograder.rules.scopes import Binding, Path, Use
from autograder.rules.sources import Sources

# The ends of the sentences.
EXERCISE = ", which is the exercise itself: use simpler operations"
GRADIENT = f", which is {AUTOGRAD}"
NEEDLESS = ", which exercises do not need"
UNREAD = ": define it in a cell, where it can be read"
UNCHANGED = ": leave what you import as it is"


def broken(sources: Sources, problem: Judged, ran: int | None = None) -> str | None:
    """One sentence for the student that names a rule which the function of `problem` breaks; None if there is none.

    With `ran`, only the first `ran` cells have run when the function is called. A backward function is called
    after its forward, whose cache could carry the answer: that one may use the operation itself, as in a check,
    but neither autograd nor an operation's own backward. What torch differentiates may use autograd.
    """
    autograd = problem.call in DIFFERENTIATED
    exercise = Exercise.of(problem.forbidden)
    searches = [(problem.name, problem.name, exercise)]
    if problem.forward != problem.name:
        gradients = Exercise(frozenset(name for name in exercise.operations if name.endswith("backward")))
        searches.append((problem.forward, f"{problem.name} needs {problem.forward}, which", gradients))
    return next(filter(None, (_Search(sources, *search, autograd, ran).finding() for search in searches)), None)


class _Search:
    """Looks through everything that one function reaches, nearest first, for the first rule that it breaks."""

    def __init__(self, sources: Sources, name: str, subject: str, exercise: Exercise, autograd: bool, ran: int | None):
        self.sources, self.name, self.subject, self.ran = sources, name, subject, ran
        self.exercise, self.autograd = exercise, autograd

    def finding(self) -> str | None:
        waiting = list(self.sources.live(self.name, None, self.ran))
        for binding in waiting:
            if binding.path:
                found = self._path(binding.path, binding, binding, binding.node, ".".join(binding.path))
                if found:
                    return found
        for binding in self.sources.hidden(self.name, self.ran):
            return self._unread(self.name, binding)
        waiting = [b for b in waiting if not b.path]
        reached, attributes = set(waiting), set()
        for binding in waiting:
            for use in self.sources.uses(binding):
                found = self._use(use, binding)
                if found:
                    return found
                attributes.update(use.parts)
                for other in self._next(use):
                    if other not in reached:
                        reached.add(other)
                        waiting.append(other)
        return self._patches(attributes) if waiting else None

    def _next(self, use: Use) -> Iterator[Binding]:
        if use.root and not use.root.startswith("import."):
            yield from (b for b in self.sources.live(use.root, use.position, self.ran) if not b.path)

    def _use(self, use: Use, owner: Binding) -> str | None:
        if use.root and not use.root.startswith("import."):
            for hidden in self.sources.hidden(use.root, self.ran):
                return self._unread(use.root, hidden)
        paths = self._paths(use)
        for path, imported in paths:
            found = self._use_of_path(use, path, imported, owner)
            if found:
                return found
        if paths and paths[0][0][0] != "builtins":
            return None
        return self._use_of_unknown(use, owner)

    def _paths(self, use: Use) -> list[tuple[Path, Binding | None]]:
        if use.root is None:
            return []
        if use.root.startswith("import."):
            return [((*use.root.split(".")[1:], *use.parts), None)]
        paths = self.sources.paths(use.root, use.position, self.ran)
        return [((*path, *use.parts), imported) for path, imported in paths]

    def _use_of_path(self, use: Use, path: Path, imported: Binding | None, owner: Binding) -> str | None:
        of_torch = path[0] in ("torch", "functorch")
        match use.kind:
            case "computed" if path[0] in LIBRARIES or path == ("builtins", "builtins"):
                return self._say(owner, use.node, f"uses {use.node.func.id} on {use.spelled}", NEEDLESS)
            case "store" if path[0] in PATCHED and path[:2] != SETTINGS:
                return self._say(owner, use.node, f"changes {use.spelled}", UNCHANGED)
            case "requires_grad" if of_torch:
                return self._say(owner, use.node, "uses requires_grad=True", GRADIENT)
            case "enable" if of_torch:
                return self._say(owner, use.node, f"uses {use.spelled}", GRADIENT)
            case "globals" if path == ("builtins", "globals"):
                return self._say(owner, use.node, "uses globals", NEEDLESS)
            case "call" | "value" | "import":
                return self._path(path, imported, owner, use.node, use.spelled, use.kind)
        return None

    def _use_of_unknown(self, use: Use, owner: Binding) -> str | None:
        """Rules about an object that may be the student's own: only what must be a tensor's method counts."""
        if escapes := ESCAPES.intersection(use.parts):
            return self._say(owner, use.node, f"uses {min(escapes)}", NEEDLESS)
        if use.kind == "requires_grad" and use.parts:
            name, say, why = "requires_grad", "uses requires_grad=True", GRADIENT
        elif frames := FRAMES.intersection(use.parts):
            name, why = min(frames), NEEDLESS
            say = f"uses {name}"
        elif use.kind == "call" and use.parts and use.parts[-1] in AUTOGRAD_METHODS:
            name, say, why = use.parts[-1], f"uses {use.spelled}", GRADIENT
        elif use.kind == "call" and self.exercise.is_named_by(use.parts[-1:]):
            name, say, why = use.parts[-1], f"uses {use.spelled}", EXERCISE
        else:
            return None
        own = self.sources.own
        if name in own or name in ELSEWHERE or "__getattr__" in own or "__getattribute__" in own:
            return None
        return self._say(owner, use.node, say, why)

    def _unread(self, name: str, hidden: Binding) -> str:
        """The sentence about a name that something defines out of sight."""
        where = self.sources.where(hidden.cell, hidden.node)
        if hidden.name == "exec":
            return f"{self.subject} uses exec{where}{NEEDLESS}."
        subject = self.subject if name == self.name else f"{self.subject} uses {name}, which"
        return f"{subject} comes from {hidden.name}{where}{UNREAD}."

    def _path(
        self,
        path: Path,
        imported: Binding | None,
        owner: Binding,
        node: ast.AST,
        spelled: str,
        kind: str = "value",
    ) -> str | None:
        if path[0] not in MODULES:
            place, at = (imported, imported.node) if imported else (owner, node)
            return self._say(owner, at, f"imports {path[0].lstrip('.') or 'a file'}", NEEDLESS, place.cell)
        if kind == "import":
            # What it brings counts where it is used.
            return None
        # As it is written, where that tells what it is.
        said = spelled if "." in spelled and spelled.endswith(f".{path[-1]}") else ".".join(path)
        if self.exercise.is_reached_by(path):
            return self._say(owner, node, f"uses {said}", EXERCISE)
        if is_autograd(path):
            return self._say(owner, node, f"uses {said}", GRADIENT)
        if is_needless(path):
            return self._say(owner, node, f"uses {'.'.join(path).removeprefix('builtins.')}", NEEDLESS)
        return None

    def _patches(self, attributes: Collection[str]) -> str | None:
        """A change of something imported that reaches the function without being named by it."""
        for change in self.sources.changes(self.ran):
            name = change.target[-1]
            for root, _ in self.sources.paths(change.name, change.position, self.ran):
                path = (*root, *change.target)
                if path[0] not in PATCHED or path[:2] == SETTINGS or name in SHOWN:
                    continue
                if name in attributes or path[0] == "autograder" or any(part.startswith("_") for part in path):
                    what = ".".join((change.name, *change.target))
                    where = self.sources.where(change.cell, change.at)
                    return f"{self.subject} needs {what}, which another cell changes{where}{UNCHANGED}."
        return None

    def _say(self, owner: Binding, node: ast.AST, what: str, why: str, cell: int | None = None) -> str | None:
        if why == GRADIENT and self.autograd:
            return None
        helper = "" if owner.name == self.name else f" uses {owner.name}, which"
        where = self.sources.where(owner.cell if cell is None else cell, node)
        return f"{self.subject}{helper} {what}{where}{why}."
