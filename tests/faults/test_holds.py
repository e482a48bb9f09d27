"""Who waits for held requests is told at once when there are none any more."""

from __future__ import annotations

import asyncio

from harness.faults.asked import Asked
from harness.faults.holds import Holds

INSERT = {"service": "clickhouse", "operation": "INSERT", "subject": "t", "effect": "before"}


def asked(ordinal: int) -> Asked:
    return Asked("clickhouse", "INSERT", "t", ordinal, 0)


def test_whoever_waits_is_told_when_nobody_is_held_any_more() -> None:
    async def course() -> int | None:
        holds = Holds([{"number": 0, "at": 3, **INSERT}])
        waiting = asyncio.create_task(holds.wait())
        await asyncio.sleep(0)
        holds.calm()
        return await asyncio.wait_for(waiting, 1.0)

    assert asyncio.run(course()) is None


def test_several_acts_at_one_request_come_one_after_the_other() -> None:
    async def course() -> list[int | None]:
        holds = Holds([{"number": n, "at": 1, **INSERT} for n in (4, 7)])
        await holds.hold(asked(0), "before")
        request = asyncio.create_task(holds.hold(asked(1), "before"))
        met = []
        for _ in range(2):
            met.append(await holds.wait())
            assert not request.done()
            holds.go(met[-1] or 0)
        await asyncio.wait_for(request, 1.0)
        return met

    assert asyncio.run(course()) == [4, 7]


def test_acts_that_take_the_next_request_take_one_each() -> None:
    async def course() -> int | None:
        holds = Holds([{"number": n, "at": None, **INSERT} for n in (4, 7)])
        request = asyncio.create_task(holds.hold(asked(0), "before"))
        holds.go(await holds.wait() or 0)
        await asyncio.wait_for(request, 1.0)
        second = asyncio.create_task(holds.hold(asked(1), "before"))
        number = await holds.wait()
        holds.go(number or 0)
        await second
        return number

    assert asyncio.run(course()) == 7
