"""Runs a class or function of the reader's: `python -m harness.pipelines.own_python module:name`.

A class is made with the scenario's `[pipeline.settings]` and its `run(env)` is called; a function
is called with the `Environment` alone. The module is looked up in the current folder first, which
the harness sets to the scenario's. Ends as `harness.pipelines.process` does.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, PipelineError
from harness.pipelines.pipeline import Environment, Pipeline, from_environ
from harness.pipelines.process import _stop_on_signals, read_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class FunctionPipeline:
    """A function that takes the environment, as a pipeline."""

    def __init__(self, function: Callable[[Environment], Any]) -> None:
        self._function = function

    def run(self, env: Environment) -> None:
        """Call it; it must return once `env.stopping()`."""
        self._function(env)


def load(reference: str, folder: Path) -> Any:
    """What `module:name` stands for, with `folder` first on the path.

    Raises:
        PipelineError: no such module or name, or the module fails when imported.
    """
    module_name, _, attribute = reference.partition(":")
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise PipelineError(
                f"{reference}: {module_name} imports {error.name}, which is not installed",
                hint=f"install it beside the harness: {sys.executable} -m pip install …",
            ) from None
        raise PipelineError(
            f"{reference}: there is no module {module_name} in {place}",
            hint="modules are looked up from the scenario's folder",
        ) from None
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise PipelineError(f"{reference}: {module_name} has no {attribute}")
        found = getattr(found, name)
    return found


def is_brought(name: str, module: Any, *, package: str, root: Path) -> bool:
    """Whether a module came with the reader's code: one of its package, or of its project's folder.

    Args:
        name: of the module.
        module: as it was imported.
        package: the one that the code itself is in.
        root: resolved folder of the project; what was installed within it is not the reader's.
    """
    first = name.partition(".")[0]
    if first == package:
        return True
    file = getattr(module, "__file__", None)
    if file is None or first == "harness":
        return False
    path = Path(file).resolve()
    return path.is_relative_to(root) and "site-packages" not in path.parts


def load_pipeline(reference: str, folder: Path, settings: Mapping[str, Any]) -> Pipeline:
    """The pipeline that `module:Class or function` stands for.

    Raises:
        PipelineError: as `load`, or it is neither class nor function.
    """
    found = load(reference, folder)
    if inspect.isclass(found):
        kind: Any = found
        made: Any = kind(dict(settings)) if _takes_settings(found) else kind()
        if not callable(getattr(made, "run", None)):
            raise PipelineError(f"{reference}: the class has no method run(env)")
        pipeline: Pipeline = made
        return pipeline
    if not callable(found):
        raise PipelineError(f"{reference}: expected a class or a function, found {found!r}")
    return FunctionPipeline(found)


def _takes_settings(kind: type) -> bool:
    return bool(inspect.signature(kind).parameters)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="harness.pipelines.own_python")
    parser.add_argument("reference", help="module:Class or module:function")
    parser.add_argument("--config", type=Path, help="settings of a class, as JSON")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    try:
        settings = read_config(options.config)
        env = from_environ()
        env.stopping = stop.is_set
        _stop_on_signals(stop)
        load_pipeline(options.reference, Path.cwd(), settings).run(env)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program's own stderr
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
