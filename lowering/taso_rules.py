"""Readers of equations in TASO's operators, in both syntaxes in use.

S-expressions, as `(matmul 0 ?a ?b)=>(matmul 0 ?b ?a)`, one a line; and calls, as `ewadd(a,b)==ewadd(b,a)`, one a line or run
together without anything between them.  `read_rules` gives every equation as two trees of `Node`, to use as you like.
To add here: another way to write the same trees.  Never here: what an operator means (`lift_taso.py`).

>>> [rule] = read_rules("(relu (ewadd ?a ?b))=>(relu (ewadd ?b ?a))")
>>> str(rule.left), rule.left.variables
('relu(ewadd(a, b))', ('a', 'b'))
>>> [str(rule.right) for rule in read_rules("relu(x)==x smul(x,y)==x")]
['x', 'x']
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from keyword import iskeyword

from commute.theory import messages
from commute.theory.messages import UsageError

LETTERS = {
    "matmul": 2, "ewadd": 2, "ewmul": 2, "smul": 2, "transpose": 1, "relu": 1, "concat": 2, "split_0": 1, "split_1": 1,
    "split": 1, "conv2d": 2, "poolavg": 1, "poolmax": 1, "enlarge": 1, "Iconv": 0, "Cpool": 0, "Imatmul": 0, "Iewmul": 0,
}  # fmt: skip
"""How many tensors each operator takes (concat: two or more)."""

NUMBERS = {
    "matmul": (0, 1), "ewadd": (0,), "ewmul": (0,), "smul": (0,), "transpose": (0,), "relu": (0,), "concat": (1, 2),
    "split_0": (0, 1), "split_1": (0, 1), "split": (1,), "conv2d": (4,), "poolavg": (5, 6), "poolmax": (5, 6),
    "enlarge": (2,), "Iconv": (0, 1, 2), "Cpool": (0, 1, 2), "Imatmul": (0,), "Iewmul": (0,),
}  # fmt: skip
"""How many integers come before the tensors."""

_TOKEN = re.compile(r"\s*(=>|==|[(),]|\?|-?\d+(?:\.\d+)?(?![\w.])|[\w.]+)")
_DEPTH = 200


@dataclass(frozen=True)
class Node:
    """An operator with its integers and operands; a variable (`op` is "var") or a number ("number") has its text as `name`."""

    op: str
    numbers: tuple[int, ...] = ()
    operands: tuple[Node, ...] = ()
    name: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables, in the order in which they come."""
        own = (self.name,) if self.op == "var" else ()
        return tuple(dict.fromkeys((*own, *(v for o in self.operands for v in o.variables))))

    def __str__(self) -> str:
        inside = [*map(str, self.numbers), *map(str, self.operands)]
        return self.name or (f"{self.op}({', '.join(inside)})" if inside else self.op)


@dataclass(frozen=True)
class Rule:
    """An equation: its number in the file (from 0), the line of the text that it begins in (from 1), and its two sides."""

    number: int
    line: int
    left: Node
    right: Node

    def __str__(self) -> str:
        return f"{self.left} == {self.right}"


def read_rules(text: str, name: str = "rules") -> list[Rule]:
    """Every equation of a text, numbered from 0; UsageError, with the line, where one can't be read.

    Lines may be blank, and `#` or `;` begins a remark.
    """
    rules: list[Rule] = []
    for place, line in enumerate(text.splitlines(), 1):
        body = re.split(r"[#;]", line, maxsplit=1)[0].strip()
        if not body:
            continue
        try:
            reader = _Reader(body)
            while not reader.done:
                left, right = reader.equation()
                rules.append(Rule(len(rules), place, left, right))
        except ValueError as error:
            raise UsageError(messages.unreadable_rule(name, place, str(error))) from None
    return rules


class _Reader:
    """One line, token by token."""

    def __init__(self, text: str):
        self.tokens: list[str] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"unexpected {text[at:].strip()[:12]!r}")
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0
        self.depth = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self) -> str:
        return "" if self.done else self.tokens[self.at]

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if wanted and token not in wanted or not token:
            raise ValueError(f"{' or '.join(wanted) or 'an operand'} expected, not {token or 'the end of the line'}")
        self.at += 1
        return token

    def equation(self) -> tuple[Node, Node]:
        left = self.node()
        self.take("=>", "==")
        return left, self.node()

    def node(self) -> Node:
        self.depth += 1
        if self.depth > _DEPTH:
            raise ValueError(f"more than {_DEPTH} operators inside each other")
        token = self._apart(self.take())
        if token == "(":
            made = self._s_expression()
        elif token == "?":
            made = Node("var", name=self.take())
        elif re.fullmatch(r"-?\d+(\.\d+)?", token):
            made = Node("number", name=token)
        elif token in LETTERS:
            made = _built(token, self._arguments() if self.peek() == "(" else [])
        elif token.isidentifier() and not iskeyword(token) and self.peek() != "(":
            made = Node("var", name=token)
        elif re.fullmatch(r"\d+(_\d+)+", token):
            made = Node("perm", name=token)
        else:
            raise ValueError(f"no operator {token}{messages.nearest(token, LETTERS)}")
        self.depth -= 1
        return made

    def _apart(self, token: str) -> str:
        """A name that the next equation's operator follows without a space, as in `relu(x)==yewadd(a,b)==...`."""
        if token in LETTERS or self.peek() != "(" or not token.isidentifier():
            return token
        operator = max((op for op in LETTERS if token.endswith(op)), key=len, default="")
        if operator:
            self.tokens.insert(self.at, operator)
        return token.removesuffix(operator)

    def _s_expression(self) -> Node:
        name, inside = self.take(), []
        if name not in LETTERS:
            raise ValueError(f"no operator {name}{messages.nearest(name, LETTERS)}")
        while self.peek() != ")":
            inside.append(self.node())
        self.take(")")
        return _built(name, inside)

    def _arguments(self) -> list[Node]:
        self.take("(")
        inside: list[Node] = []
        while self.peek() != ")":
            inside.append(self.node())
            if self.peek() != ")":
                self.take(",", ")")
        self.take(")")
        return inside


def _built(op: str, inside: list[Node]) -> Node:
    """The operator with its integers told from its operands."""
    if op == "transpose" and len(inside) == 3:
        perm = tuple(int(d) for d in inside[1].name.split("_") if d.isdecimal())
        return Node(op, perm, (inside[0],))
    count = next((i for i, each in enumerate(inside) if each.op != "number"), len(inside))
    if op == "smul":
        count = 0
    numbers, operands = inside[:count], inside[count:]
    wanted = LETTERS[op]
    few = len(operands) < wanted or (len(operands) > wanted and op != "concat")
    if few or count not in NUMBERS[op] or any("." in n.name for n in numbers) or any(o.op == "perm" for o in operands):
        said = " or ".join(map(str, NUMBERS[op]))
        raise ValueError(f"{op} takes {said} integers and then {wanted} tensors, not {count} and {len(operands)}")
    return _split(Node(op, tuple(int(n.name) for n in numbers), tuple(operands)))


def _split(node: Node) -> Node:
    """split_0(split(axis, x)) is split_0(axis, x)."""
    if node.op in ("split_0", "split_1") and not node.numbers:
        inner = node.operands[0]
        if inner.op != "split":
            raise ValueError(f"{node.op} without an axis; say {node.op}(axis, x) or ({node.op} (split axis x))")
        return Node(node.op, inner.numbers, inner.operands)
    if node.op not in ("split_0", "split_1") and any(o.op == "split" for o in node.operands):
        raise ValueError("split stands for two tensors; take split_0 or split_1 of it")
    return node


def abstracted(rule: Rule, by_channels: bool = False) -> Rule:
    """The rule with activations as operators of their own and with variables for what both sides share.

    Where this one holds, so does the other: what is shared has the same value on both sides, whatever it is.  `by_channels`
    takes convolutions of joined channels apart, which the rules of `channel_lemmas` allow.

    >>> [rule] = read_rules("conv2d(1,1,0,2,relu(x),w)==relu(conv2d(1,1,0,0,relu(x),w))")
    >>> str(abstracted(rule))
    'shared_0 == shared_0'
    """
    left, right = (_opened(side, by_channels) for side in (rule.left, rule.right))
    names: dict[Node, Node] = {}
    common = set(_inner(left)) & set(_inner(right))

    def named(node: Node, top: bool) -> Node:
        if node in common and not top and node.operands:
            return names.setdefault(node, Node("var", name=f"shared_{len(names)}"))
        return Node(node.op, node.numbers, tuple(named(o, False) for o in node.operands), node.name)

    return Rule(rule.number, rule.line, named(left, left != right), named(right, left != right))


def channel_lemmas(rule: Rule) -> list[Rule]:
    """The rules, to be proved for one group, by which convolutions with themselves of joined channels are sums."""
    found: dict[tuple[int, ...], Rule] = {}
    for node in (*_inner(rule.left), *_inner(rule.right)):
        if _joined(node):
            numbers = ",".join(map(str, (*node.numbers[:3], 0)))
            text = f"ewadd(conv2d({numbers},x,w),conv2d({numbers},y,v))==conv2d({numbers},concat(1,4,x,y),concat(1,4,w,v))"
            [found[node.numbers[:3]]] = read_rules(text)
    return list(found.values())


def _joined(node: Node) -> bool:
    """A convolution of two joined tensors with themselves, which has one group."""
    if node.op != "conv2d" or node.operands[0] != node.operands[1]:
        return False
    inner = node.operands[0]
    return inner.op == "concat" and inner.numbers[0] == 1 and len(inner.operands) == 2


def _opened(node: Node, by_channels: bool) -> Node:
    if by_channels and _joined(node):
        plain = (*node.numbers[:3], 0)
        parts = tuple(Node("conv2d", plain, (part, part)) for part in node.operands[0].operands)
        whole = _opened(Node("ewadd", (), parts), by_channels)
        return {0: whole, 2: Node("relu", (), (whole,))}.get(node.numbers[3], node)
    inside = tuple(_opened(o, by_channels) for o in node.operands)
    if node.op == "conv2d" and node.numbers[3] == 2:
        return Node("relu", (), (Node("conv2d", (*node.numbers[:3], 0), inside),))
    if node.op == "matmul" and node.numbers:
        if node.numbers[0] == 2:
            return Node("relu", (), (Node("matmul", (), inside),))
        return Node("matmul", () if node.numbers[0] == 0 else node.numbers, inside)
    return Node(node.op, node.numbers, inside, node.name)


def _inner(node: Node) -> list[Node]:
    return [node, *(n for o in node.operands for n in _inner(o))]
