"""What own code is used to from a process of its own: clocks, chance, locks, signals, an end."""

import asyncio
import json
import os
import pickle
import queue
import random
import secrets
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime
from pathlib import Path

import clickhouse_connect
import tenacity


def told(what):
    """Tell the test something."""
    with Path(os.environ["SEEN"]).open("a") as out:
        out.write(json.dumps(what) + "\n")


def reads_clocks(env):
    """Every clock shows the same moment, and what they give is of the usual types."""
    for _ in range(2):
        now = time.time()
        at = [
            now,
            time.time_ns() / 1e9,
            datetime.now(UTC).timestamp(),
            datetime.now().astimezone().timestamp(),
            datetime.utcnow().replace(tzinfo=UTC).timestamp(),  # noqa: DTZ003 - as it is written
            time.clock_gettime(time.CLOCK_REALTIME),
        ]
        days = {date.today(), datetime.today().date(), date(*time.gmtime()[:3])}  # noqa: DTZ002, DTZ011
        days.add(date.fromisoformat(time.strftime("%Y-%m-%d")))
        kept = pickle.loads(pickle.dumps(datetime.now(UTC)))
        told([max(at) - min(at) < 1e-6, len(days), now, type(kept) is datetime is type(kept)])
        began = time.monotonic(), time.perf_counter()
        time.sleep(2.5)
        told([time.monotonic() - began[0], time.perf_counter() - began[1]])
    while env.pause(1.0):
        pass


def draws(env):
    """Every source of chance repeats."""
    told([str(uuid.uuid4()), str(uuid.uuid1())[:23], secrets.token_hex(8), os.urandom(4).hex()])
    told([random.random(), random.Random().random(), random.SystemRandom().random()])
    while env.pause(1.0):
        pass


def waits_in_many_ways(env):
    """Timers, timeouts, retries, spinning: for seconds of the world's time."""
    began = time.monotonic()
    rung = threading.Event()
    threading.Timer(3.0, rung.set).start()
    rung.wait()
    condition = threading.Condition()
    with condition:
        told(condition.wait(2.0))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(time.sleep, 4.0)
        told(len(wait([slow], timeout=1.0).done))
    try:
        queue.Queue().get(timeout=2.0)
    except queue.Empty:
        told("empty")
    tries = []

    @tenacity.retry(wait=tenacity.wait_fixed(1.0), stop=tenacity.stop_after_attempt(3))
    def fails():
        tries.append(1)
        if len(tries) < 3:
            raise OSError

    fails()
    until = time.time() + 0.05
    while time.time() < until:
        pass
    asyncio.run(ticks())
    told(round(time.monotonic() - began))
    while env.pause(1.0):
        pass


async def ticks():
    """Spin until another task is done, as nobody should."""
    slept = asyncio.create_task(asyncio.to_thread(time.sleep, 1.0))
    while not slept.done():
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(2.0):
            await asyncio.Event().wait()
    except TimeoutError:
        told("late")


def shares_a_lock(env):
    """Ask while a lock is held that others wait for."""
    lock, again = threading.Lock(), threading.RLock()
    clickhouse = clickhouse_connect.get_client(dsn=env.clickhouse_url)
    order = []

    def ask(number):
        with lock, again:
            clickhouse.command(f"SELECT {number}")
            order.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told([sorted(order), lock.acquire(timeout=1.0), lock.acquire(timeout=1.0)])
    while env.pause(1.0):
        pass


def blocks_its_loop(env):
    """Ask by clients that block, in coroutines, beside a thread that asks too."""

    async def main():
        clickhouse = clickhouse_connect.get_client(dsn=env.clickhouse_url)
        other = clickhouse_connect.get_client(dsn=env.clickhouse_url)
        answers = []
        for number in range(3):
            beside = asyncio.to_thread(other.command, f"SELECT 1{number}")
            asked = asyncio.create_task(beside)
            await asyncio.sleep(0)
            answers.append([clickhouse.command(f"SELECT {number}"), await asked])
        told(answers)
        while not env.stopping():
            await asyncio.sleep(1.0)

    asyncio.run(main())


def is_told_by_a_signal(_env):
    """End as told by SIGTERM, which interrupts a long wait."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait(3600)
    told("signal")


def is_told_in_a_loop(_env):
    """End as told by SIGTERM."""

    async def main():
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        told("loop")

    asyncio.run(main())


def tidies_up(env):
    """Write down where it was when it ends, as no process can that is killed."""
    path = Path(env.state_dir) / "position"
    told(path.read_text() if path.exists() else "nothing")
    path.write_text("begun")

    async def main():
        try:
            while not env.stopping():
                await asyncio.sleep(1.0)
        finally:
            path.write_text("tidied in a coroutine")

    try:
        asyncio.run(main())
    finally:
        path.write_text("tidied")


def starts_in_its_folder(env):
    """Import what lies beside the folder that it is started in."""
    sys.path.append(str(Path("../lib").resolve()))
    import counted

    counted.lives.append(1)
    told([str(Path.cwd()), len(counted.lives)])
    while env.pause(1.0):
        pass
