"""How a sum over axes of a product may be taken apart: its independent parts, and its cuts into two connected ones.

Factors are the vertices and the summed axes that they share the edges, as in a tensor network.
To add here: a way to enumerate cuts.  Never here: costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_CUTS = 200
"""The most cuts of one product that are looked at; a chain of n matrices has n - 1."""


def components(carries: Sequence[frozenset]) -> list[list[int]]:
    """The factors in groups that share no summed axis with one another.

    >>> components([frozenset("j"), frozenset("jk"), frozenset()])
    [[0, 1], [2]]
    """
    left = list(range(len(carries)))
    groups: list[list[int]] = []
    while left:
        group = [left.pop(0)]
        axes = set(carries[group[0]])
        while more := [i for i in left if carries[i] & axes]:
            group += more
            left = [i for i in left if i not in more]
            axes.update(*(carries[i] for i in more))
        groups.append(sorted(group))
    return groups


def cuts(carries: Sequence[frozenset], most: int = MOST_CUTS) -> Iterator[tuple[list[int], list[int]]]:
    """The ways to part connected factors into two connected groups, the first holding factor 0; also single factors that
    carry an axis of their own.

    >>> list(cuts([frozenset("j"), frozenset("jk"), frozenset("k")]))
    [([0], [1, 2]), ([0, 1], [2])]
    """
    count = len(carries)
    if count < 2:
        return
    near = [0] * count
    for i in range(count):
        for j in range(count):
            if i != j and carries[i] & carries[j]:
                near[i] |= 1 << j
    whole = (1 << count) - 1
    seen = {1}
    layer = [1]
    given = 0
    while layer:
        following: list[int] = []
        for chosen in layer:
            rest = whole & ~chosen
            if rest and _connected(rest, near):
                yield _members(chosen), _members(rest)
                given += 1
                if given >= most:
                    return
            for i in _members(_around(chosen, near) & rest):
                grown = chosen | 1 << i
                if grown not in seen and len(seen) < 20 * most:
                    seen.add(grown)
                    following.append(grown)
        layer = following


def _members(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def _around(mask: int, near: Sequence[int]) -> int:
    around = 0
    for i in _members(mask):
        around |= near[i]
    return around


def _connected(mask: int, near: Sequence[int]) -> bool:
    reached = mask & -mask
    while (grown := reached | _around(reached, near) & mask) != reached:
        reached = grown
    return reached == mask
