"""Own code that shows what a life knows of others, and how it may end."""

import json
import os
import threading
from pathlib import Path

runs = 0


def run(env):
    """Note how often this module has run, and how many lives there were."""
    global runs
    runs += 1
    seen = Path(os.environ["SEEN"])
    lives = json.loads(seen.read_text()) if seen.exists() else []
    seen.write_text(json.dumps([*lives, [runs, len(lives) + 1]]))
    while env.pause(1.0):
        pass


def gives_up(_env):
    """End by itself."""
    print("its own last words")
    raise ValueError("no more of this")


def loses_a_thread(env):
    """Go on after a thread has failed."""

    def fail():
        raise KeyError("a thread of its own")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    while env.pause(1.0):
        pass


def waits_for_ever(_env):
    """Wait for what nobody says."""
    threading.Event().wait()
