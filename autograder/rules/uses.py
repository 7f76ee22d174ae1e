"""The uses in one statement, collected."""

import ast

from autograder.rules.scopes import Binding, Scope, Use, chain, imported, is_call_of, is_true, last_name, of_globals


class Walk:
    """Collects the uses in one statement or expression. Without recursion, for the depth is the student's to choose."""

    def __init__(self, binding: Binding):
        self._raw: list[tuple[str, ast.AST, ast.expr, Scope, int | None]] = []
        self._called: set[int] = set()
        self._waiting: list[tuple[ast.AST, Scope, int | None]] = [(binding.node, Scope(), binding.position)]
        while self._waiting:
            node, scope, position = self._waiting.pop()
            visit = self._VISITS.get(type(node))
            if visit:
                visit(self, node, scope, position)
            else:
                self._push(ast.iter_child_nodes(node), scope, position)

    def uses(self) -> list[Use]:
        return [
            Use(kind, root, parts, node, position, expression)
            for kind, node, expression, scope, position in self._raw
            for root, parts in scope.chains(expression)
        ]

    def _push(self, nodes, scope: Scope, position: int | None) -> None:
        self._waiting.extend((node, scope, position) for node in nodes if node is not None)

    def _note(self, kind: str, node: ast.AST, expression: ast.expr, scope: Scope, position: int | None) -> None:
        self._raw.append((kind, node, expression, scope, position))

    def _pass(self, node, scope, position) -> None:
        pass

    def _name(self, node: ast.Name, scope, position) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note("value", node, node, scope, position)
        else:
            scope.bind(node.id)

    def _attribute(self, node: ast.Attribute, scope, position) -> None:
        kind = "call" if id(node) in self._called else "value"
        self._note(kind if isinstance(node.ctx, ast.Load) else "store", node, node, scope, position)
        self._base(node, scope, position)

    def _base(self, node: ast.expr, scope, position) -> None:
        base, _ = chain(node)
        if not isinstance(base, ast.Name) and not of_globals(base):
            self._push([base], scope, position)

    def _subscript(self, node: ast.Subscript, scope, position) -> None:
        if of_globals(node):
            self._note("value", node, node, scope, position)
        else:
            self._push([node.value, node.slice], scope, position)

    def _compare(self, node: ast.Compare, scope, position) -> None:
        # Asking whether a name is known does no harm.
        parts = [part for part in (node.left, *node.comparators) if not is_call_of(part, "globals")]
        self._push(parts, scope, position)

    def _call(self, node: ast.Call, scope, position) -> None:
        function, arguments = node.func, node.args
        values = [*arguments, *(keyword.value for keyword in node.keywords)]
        constants = [value.value for value in values if isinstance(value, ast.Constant)]
        last = last_name(function)
        for keyword in node.keywords:
            if keyword.arg == "requires_grad" and is_true(keyword.value):
                self._note("requires_grad", node, function, scope, position)
        if last == "set_grad_enabled" and any(constant for constant in constants):
            self._note("enable", node, function, scope, position)
        if last in ("methodcaller", "attrgetter"):
            for constant in constants:
                if isinstance(constant, str):
                    asked = ast.Attribute(ast.Constant(None), constant.rpartition(".")[2], ast.Load())
                    self._note("call", node, asked, scope, position)
        if isinstance(function, ast.Name):
            match function.id, arguments:
                case "getattr", [_, ast.Constant(value=str()), *rest]:
                    self._note("call", node, node, scope, position)
                    self._base(node, scope, position)
                    self._push(rest, scope, position)
                    return
                case "setattr" | "delattr", [target, ast.Constant(value=str(name)), *_]:
                    self._note("store", node, ast.Attribute(target, name, ast.Store()), scope, position)
                case "getattr" | "setattr" | "delattr" | "vars", [target, *_]:
                    self._note("computed", node, target, scope, position)
                case "globals", []:
                    self._note("globals", node, function, scope, position)
        if not (last == "requires_grad_" and constants and not any(constants)):
            self._called.add(id(function))
        self._push([function, *values], scope, position)

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr, scope, position) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                scope.bind(target.id, node.value)
            elif isinstance(target, ast.Attribute) and target.attr == "requires_grad" and is_true(node.value):
                self._note("requires_grad", target, target, scope, position)
        self._push([*targets, node.value], scope, position)

    def _function(self, node, scope: Scope, position) -> None:
        arguments = node.args
        defaults = [*arguments.defaults, *arguments.kw_defaults]
        self._push([*defaults, *getattr(node, "decorator_list", ())], scope, position)
        if hasattr(node, "name"):
            scope.bind(node.name)
        inner = Scope(scope)
        ordered = [*arguments.posonlyargs, *arguments.args]
        for argument in [*ordered, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
            if argument:
                inner.bind(argument.arg)
        with_defaults = ordered[len(ordered) - len(arguments.defaults) :] + arguments.kwonlyargs
        for argument, default in zip(with_defaults, defaults, strict=True):
            if default:
                inner.bind(argument.arg, default)
        self._push([node.body] if isinstance(node, ast.Lambda) else node.body, inner, None)

    def _class(self, node: ast.ClassDef, scope, position) -> None:
        scope.bind(node.name)
        self._push([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)], scope, position)
        self._push(node.body, Scope(scope, is_class=True), position)

    def _comprehension(self, node, scope, position) -> None:
        self._push(ast.iter_child_nodes(node), Scope(scope), position)

    def _import(self, node, scope, position) -> None:
        for name, path in imported(node):
            scope.bind(name, path)
            use = ast.Name(".".join(("import", *path)), ast.Load())
            self._note("import", node, use, Scope(), position)

    def _global(self, node: ast.Global, scope, position) -> None:
        scope.globals.update(node.names)

    def _capture(
        self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping, scope, position
    ) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            scope.bind(name)
        self._push(ast.iter_child_nodes(node), scope, position)

    _VISITS = {  # noqa: RUF012 - a table of methods, never changed
        ast.Constant: _pass,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Compare: _compare,
        ast.Call: _call,
        **dict.fromkeys((ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr), _assign),
        **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), _function),
        ast.ClassDef: _class,
        **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _comprehension),
        **dict.fromkeys((ast.Import, ast.ImportFrom), _import),
        ast.Global: _global,
        **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping), _capture),
    }
