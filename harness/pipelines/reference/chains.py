"""The order of changes from their links: each change leads from one image to the next."""

from __future__ import annotations

from collections import defaultdict

Link = tuple[bytes, bytes]
"""Identity of the image before and of the image after."""


def chain_order(links: list[Link | None], prior: bytes | None) -> list[list[int]]:
    """The indices of the changes, oldest first, one list per connected chain.

    Args:
        links: in order of arrival; None for a change that does not say where it came from.
        prior: the image before all of them, if known; empty for an absent item.

    Without links for all of them, or where the links form no single path, the order of arrival
    is kept.
    """
    if any(link is None for link in links):
        return [list(range(len(links)))]
    known = [link for link in links if link is not None]
    return [_path(known, part, prior) for part in _parts(known)]


def _parts(links: list[Link]) -> list[list[int]]:
    """Indices of the links that hang together."""
    home: dict[bytes, int] = {}
    members: dict[int, list[int]] = {}
    for index, (old, new) in enumerate(links):
        joined = {home[image] for image in (old, new) if image in home}
        part = min(joined, default=index)
        found = sorted([*(i for p in joined for i in members.pop(p)), index])
        members[part] = found
        for i in found:
            home[links[i][0]] = home[links[i][1]] = part
    return list(members.values())


def _path(links: list[Link], part: list[int], prior: bytes | None) -> list[int]:
    """An Eulerian path through the links of one part (Hierholzer), or the order of arrival."""
    leaving: dict[bytes, list[int]] = defaultdict(list)
    balance: dict[bytes, int] = defaultdict(int)
    for index in reversed(part):
        old, new = links[index]
        leaving[old].append(index)
        balance[old] += 1
        balance[new] -= 1
    starts = [image for image, surplus in balance.items() if surplus > 0]
    if len(starts) > 1 or (starts and balance[starts[0]] > 1):
        return part
    if starts:
        start = starts[0]
    elif prior is not None and prior in leaving:
        start = prior
    else:
        # A circle. Of all images absence is the likeliest to recur: insert and delete.
        start = b"" if b"" in leaving else links[part[0]][0]
    walk: list[tuple[bytes, int]] = [(start, -1)]
    path: list[int] = []
    while walk:
        image, arrived_by = walk[-1]
        if leaving[image]:
            index = leaving[image].pop()
            walk.append((links[index][1], index))
        else:
            walk.pop()
            path.append(arrived_by)
    found = path[::-1][1:]
    return found if len(found) == len(part) else part
