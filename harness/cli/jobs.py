"""Several scenarios at a time: each in a process of its own, verdicts in the order given."""

from __future__ import annotations

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING

from harness.errors import HarnessError, UsageError
from harness.run.result import EXIT_CODES, WRONG_INPUT, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.run.runner import Options
    from harness.scenario.model import Scenario

_SHARD = re.compile(r"(\d+)/(\d+)")


def shard(names: Sequence[str], part: str) -> list[str]:
    """Every n-th name from the i-th on, for `part` "i/n": together the shards are all names.

    Raises:
        UsageError: not of that form, or i is not from 1 to n.
    """
    if not part:
        return list(names)
    found = _SHARD.fullmatch(part)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(
            f"--shard takes a part and how many there are, not {part!r}",
            hint="for example --shard 1/4, with the first part 1",
        )
    return list(names)[number - 1 :: count]


def run_side_by_side(
    scenarios: Sequence[Scenario],
    options: Options,
    jobs: int,
    ended: Callable[[Result], None],
) -> list[Result]:
    """Run scenarios, `jobs` at a time.

    Args:
        ended: told each result as it comes.

    """
    results: dict[int, Result] = {}
    # Spawned, as a fork would copy the threads and locks of this process half way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=context) as pool:
        waiting = {
            pool.submit(run_quietly, scenario, options): number
            for number, scenario in enumerate(scenarios)
        }
        try:
            for future in as_completed(waiting):
                results[waiting[future]] = future.result()
                ended(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[number] for number in range(len(scenarios))]


def run_quietly(scenario: Scenario, options: Options) -> Result:
    """One run without progress; that it could not be carried out is a result too."""
    from harness.run.progress import Silent
    from harness.run.runner import run_scenario
    from harness.run.stepped_run import run_in_steps

    try:
        if options.stepped:
            return run_in_steps(scenario, options)
        return run_scenario(scenario, options, Silent())
    except HarnessError as error:
        return given_up(scenario, options, error)


def given_up(scenario: Scenario, options: Options, error: HarnessError) -> Result:
    """The result of a run that could not be carried out: those after it can be all the same."""
    name = options.pipeline or scenario.pipeline.name
    outcome: Outcome = "unknown" if error.exit_code == EXIT_CODES["unknown"] else "error"
    result = Result(scenario.name, name, scenario.seed, outcome, str(error))
    result.is_wrong_input = error.exit_code == WRONG_INPUT
    return result
