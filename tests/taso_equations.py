"""Random equations in TASO's operators whose truth is known: true by steps of known rules, or spoilt by one edit.

What may be added here: a rule that is true at all shapes at which its left side has a meaning, a way to spoil one.
What never belongs here: judging; `python tests/taso_equations.py SEED COUNT` prints a file for `commute rules`.
"""

import random
import sys
from collections.abc import Callable, Iterator

from commute.lowering.taso_rules import Node, read_rules

VARIABLES = tuple(f"input_{i}" for i in range(1, 6))
PAIRWISE = ("ewadd", "ewmul", "matmul")

# Equations between patterns; letters stand for any operand, each side is rewritten to the other.
TRUE = """
ewadd(a,b)==ewadd(b,a)
ewmul(a,b)==ewmul(b,a)
ewadd(ewadd(a,b),c)==ewadd(a,ewadd(b,c))
ewmul(ewmul(a,b),c)==ewmul(a,ewmul(b,c))
matmul(matmul(a,b),c)==matmul(a,matmul(b,c))
ewmul(ewadd(a,b),c)==ewadd(ewmul(a,c),ewmul(b,c))
matmul(a,ewadd(b,c))==ewadd(matmul(a,b),matmul(a,c))
matmul(ewadd(a,b),c)==ewadd(matmul(a,c),matmul(b,c))
transpose(transpose(a))==a
transpose(matmul(a,b))==matmul(transpose(b),transpose(a))
transpose(ewadd(a,b))==ewadd(transpose(a),transpose(b))
transpose(ewmul(a,b))==ewmul(transpose(a),transpose(b))
transpose(relu(a))==relu(transpose(a))
smul(ewadd(a,b),s)==ewadd(smul(a,s),smul(b,s))
smul(matmul(a,b),s)==matmul(smul(a,s),b)
smul(matmul(a,b),s)==matmul(a,smul(b,s))
smul(ewmul(a,b),s)==ewmul(a,smul(b,s))
transpose(smul(a,s))==smul(transpose(a),s)
relu(relu(a))==relu(a)
conv2d(1,1,0,2,x,w)==relu(conv2d(1,1,0,0,x,w))
conv2d(2,2,1,0,ewadd(x,y),w)==ewadd(conv2d(2,2,1,0,x,w),conv2d(2,2,1,0,y,w))
conv2d(1,1,0,0,x,ewadd(w,v))==ewadd(conv2d(1,1,0,0,x,w),conv2d(1,1,0,0,x,v))
conv2d(1,1,1,0,smul(x,s),w)==conv2d(1,1,1,0,x,smul(w,s))
conv2d(1,1,0,0,concat(0,x,y),w)==concat(0,conv2d(1,1,0,0,x,w),conv2d(1,1,0,0,y,w))
conv2d(1,1,0,0,x,Iconv(3))==x
conv2d(1,1,0,0,x,enlarge(3,3,w))==conv2d(1,1,0,0,x,w)
poolavg(3,3,1,1,0,x)==conv2d(1,1,0,0,x,Cpool(3))
split_0(0,concat(0,a,b))==a
split_1(1,concat(1,a,b))==b
concat(1,relu(a),relu(b))==relu(concat(1,a,b))
""".split()  # fmt: skip
LETTERS = ("a", "b", "c")


def equations(seed: int, count: int) -> Iterator[tuple[str, bool]]:
    """Equations as text, and whether they were made true; a spoilt one may still be true by chance."""
    source = random.Random(seed)
    rules = [(rule.left, rule.right) for rule in read_rules("\n".join(TRUE))]
    general = [each for each in rules if set(each[0].variables) <= {*LETTERS, "s"}]
    made = 0
    while made < count:
        if source.random() < 0.3:
            left, right = source.choice(rules)
        else:
            left = _drawn(source, source.randint(1, 3), source.sample(VARIABLES, source.randint(2, 3)))
            right = left
            for _ in range(source.randint(1, 4)):
                right = _step(source, right, general)
        spoilt = source.random() < 0.3
        if spoilt:
            right = _spoilt(source, right)
        if left != right and left.op != "var" and right.op != "var":
            made += 1
            yield f"{_text(left)}=={_text(right)}", not spoilt


def _drawn(source: random.Random, depth: int, leaves: list[str]) -> Node:
    if depth == 0:
        return Node("var", name=source.choice(leaves))
    op = source.choice((*PAIRWISE, "transpose", "relu", "smul"))
    first = _drawn(source, depth - 1, leaves)
    if op == "smul":
        return Node(op, (), (first, Node("var", name="scalar_1")))
    return Node(op, (), (first, _drawn(source, depth - 1, leaves)) if op in PAIRWISE else (first,))


def _step(source: random.Random, node: Node, rules: list[tuple[Node, Node]]) -> Node:
    """One application of a rule, in either direction, somewhere; the node itself where none fits."""
    options: list[Node] = []
    for left, right in rules:
        for pattern, result in ((left, right), (right, left)):
            if pattern.op != "var" and set(result.variables) <= set(pattern.variables):
                options += _rewritten(node, pattern, result)
    return source.choice(options) if options else node


def _rewritten(node: Node, pattern: Node, result: Node) -> Iterator[Node]:
    found: dict[str, Node] = {}
    if _fits(pattern, node, found):
        yield _filled(result, found)
    yield from _inside(node, lambda o: _rewritten(o, pattern, result))


def _inside(node: Node, change: Callable[[Node], Iterator[Node]]) -> Iterator[Node]:
    for i, operand in enumerate(node.operands):
        for changed in change(operand):
            yield Node(node.op, node.numbers, (*node.operands[:i], changed, *node.operands[i + 1 :]), node.name)


def _fits(pattern: Node, node: Node, found: dict[str, Node]) -> bool:
    if pattern.op == "var":
        return found.setdefault(pattern.name, node) == node
    same = (pattern.op, pattern.numbers, len(pattern.operands)) == (node.op, node.numbers, len(node.operands))
    return same and all(_fits(p, n, found) for p, n in zip(pattern.operands, node.operands, strict=True))


def _filled(pattern: Node, found: dict[str, Node]) -> Node:
    if pattern.op == "var":
        return found[pattern.name]
    return Node(pattern.op, pattern.numbers, tuple(_filled(o, found) for o in pattern.operands), pattern.name)


def _spoilt(source: random.Random, node: Node) -> Node:
    """One mistake: another variable, operands exchanged, another operator, a relu or a transpose lost."""
    return source.choice([*_mistakes(node)] or [node])


def _mistakes(node: Node) -> Iterator[Node]:
    if node.op == "var" and not node.name.startswith("scalar") and node.name != "s":
        yield from (Node("var", name=v) for v in VARIABLES if v != node.name)
    if node.op in ("matmul", "concat"):
        yield Node(node.op, node.numbers, node.operands[::-1])
    if node.op in ("ewadd", "ewmul"):
        yield Node({"ewadd": "ewmul", "ewmul": "ewadd"}[node.op], (), node.operands)
    if node.op in ("relu", "transpose"):
        yield node.operands[0]
    if node.op == "conv2d":
        yield Node(node.op, (*node.numbers[:3], 2 - node.numbers[3]), node.operands)
    yield from _inside(node, _mistakes)


def _text(node: Node) -> str:
    """The call without spaces, as lists of such rules write it."""
    return str(node).replace(" ", "")


if __name__ == "__main__":
    print("".join(text + "\n" for text, _ in equations(int(sys.argv[1]), int(sys.argv[2]))), end="")
