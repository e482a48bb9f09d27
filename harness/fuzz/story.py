"""A script's steps in words, for who wrote the pipeline and has never read a repro."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.fuzz.script import Script
    from harness.fuzz.written import Written
    from harness.run.step_actions import Action

REST = "then nothing goes wrong any more: all changes arrive, the pipeline runs until it rests"
ENDS = "whenever it is started it ends by itself: "
_KILLS = {
    "before": "the pipeline is killed{while_}{lost}",
    "after": "the pipeline is killed{while_}; the request was carried out, unheard",
    "in-flight": "the pipeline is killed{while_}; the request is still on its way",
}
_WORDS = {
    "skip": "{what} is left out",
    "start": "the pipeline is started",
    "stop": "the pipeline is told to end (SIGTERM)",
    "land": "an INSERT of the killed pipeline arrives at last: {what}",
    "advance": "time passes",
    "split": "shard {what} is split",
    "merge": "shard {what} is merged with its neighbour",
    "reshard": "the stream gets {what} shards",
    "roll": "a shard of the table's own stream closes, {what} take its place",
    "export": "a second export is made, and the pipeline is given it",
    "outage": "the stream's retention passes while the pipeline is down; then a second export",
    "incremental-export": "an incremental export is made, which nobody reads",
    "lose-checkpoints": "what the pipeline kept of its position is lost",
    "keep-checkpoints": "a copy is made of what the pipeline keeps of its position",
    "roll-back-checkpoints": "that copy comes back",
    "truncate": "the target is emptied",
    "add-column": "a column is added to the target",
    "alter-column": "a column of the target is stored in another way",
    "destination-off": "the streaming destination is switched off",
    "destination-on": "the streaming destination is switched on again",
    "gap": "the streaming destination is switched off",
    "repair-gap": "the streaming destination is switched on again, with a new export",
    "change-precision": "stamps get another unit: {what}",
    "clock-step": "AWS's clock is set back",
    "enable-time-to-live": "all that has expired is deleted",
}


def story(script: Script) -> list[str]:
    """One line a step, the exported items first."""
    writes = {w.name: w for w in script.writes}
    lines = [f"the export holds {_key(w)}" for w in script.writes if w.exported]
    return [*lines, *(_line(step, writes) for step in script.steps)]


def _line(step: Action, writes: dict[str, Written]) -> str:
    if step.what in writes:
        write = writes[step.what]
        if step.do == "write":
            return f"{_key(write)}: {write.kind} ({write.name})"
        change = f"the {write.kind} of {_key(write)} ({write.name})"
        return {
            "copy": f"{change} reaches the stream, and will come again",
            "again": f"{change} reaches the stream again",
        }.get(step.how, f"{change} reaches the stream")
    if step.do == "release":
        if step.how == "ok":
            return f"{_request(step.what)} is answered"
        return f"{_request(step.what)} meets {step.how}"
    if step.do == "kill":
        while_ = f" while {_request(step.what)} waits" if step.what else ""
        lost = ", which has no effect" if step.what else ""
        return _KILLS[step.how].format(while_=while_, lost=lost)
    if step.do == "start" and step.how == "second":
        return "a second instance is started beside the first"
    return _WORDS.get(step.do, str(step)).format(what=step.what)


def _request(what: str) -> str:
    """`INSERT accounts` for `clickhouse INSERT accounts #0`."""
    words = what.split(" #")[0].split()
    return " ".join(words[1:]) or what


def _key(write: Written) -> str:
    return "/".join(str(next(iter(value.values()))) for value in write.key.values())
