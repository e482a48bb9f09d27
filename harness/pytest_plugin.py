"""The pytest plugin: scenarios as tests, and both servers as fixtures.

    @pytest.mark.scenario("quickstart", pipeline="clickpipes")
    def test_quickstart(harness_run):
        assert harness_run().counts["deleted"] > 0

    pytest --harness-scenarios          # each scenarios/*.toml is a test

Every pytest of an environment loads this module, whether it uses the harness or not: everything
heavy is imported inside of hooks and fixtures.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.backends.choice import Backends
    from harness.backends.world import World
    from harness.fuzz.campaign import Findings
    from harness.run.result import Result

FOLDER = "scenarios"
_BACKENDS = {
    "aws": "embedded, localstack or an endpoint's URL",
    "clickhouse": "embedded[:VERSION], container[:TAG] or a URL",
}
MARKER = "scenario"
MARKER_HELP = "scenario(name, pipeline='', seed=None, overrides=()): what harness_run() runs"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and ini settings of the harness."""
    group = parser.getgroup("harness", "DynamoDB to ClickHouse scenarios")
    group.addoption(
        "--harness-scenarios",
        action="store_true",
        help=f"collect {FOLDER}/*.toml as tests (ini: harness_scenarios = true)",
    )
    group.addoption("--harness-seed", type=int, metavar="N", help="another seed than theirs")
    group.addoption(
        "--harness-fuzz",
        metavar="TIME",
        help="after each scenario file, search for a schedule that breaks its pipeline: 60s, 10m",
    )
    group.addoption("--harness-pipeline", default="", metavar="NAME", help="put this under test")
    for name, choices in _BACKENDS.items():
        group.addoption(
            f"--harness-{name}", metavar="WHAT", help=f"{choices} (or $HARNESS_{name.upper()})"
        )
    parser.addini("harness_scenarios", f"collect {FOLDER}/*.toml as tests", "bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; look into `scenarios/` too where only `testpaths` are collected."""
    config.addinivalue_line("markers", MARKER_HELP)
    folder = config.rootpath / FOLDER
    by_testpaths = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    if _is_asked(config) and by_testpaths and folder.is_dir() and str(folder) not in config.args:
        config.args.append(str(folder))


def pytest_report_header(config: pytest.Config) -> str | None:
    """The seed, where it was given by hand."""
    seed = config.getoption("--harness-seed")
    return None if seed is None else f"harness: every scenario with seed {seed}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file is collected when scenarios are asked for, or when it is named itself."""
    if file_path.suffix != ".toml":
        return None
    is_named = parent.session.isinitpath(file_path)
    if is_named or (file_path.parent.name == FOLDER and _is_asked(parent.config)):
        made: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        return made
    return None


def _is_asked(config: pytest.Config) -> bool:
    return bool(config.getoption("--harness-scenarios") or config.getini("harness_scenarios"))


class ScenarioFile(pytest.File):
    """A scenario file: one test."""

    def collect(self) -> Iterable[ScenarioItem]:
        """The test, called as the file; with `--harness-fuzz` a second one."""
        yield ScenarioItem.from_parent(self, name=self.path.stem)
        if self.config.getoption("--harness-fuzz"):
            yield FuzzItem.from_parent(self, name=f"{self.path.stem}[fuzz]")


class ScenarioItem(pytest.Item):
    """One run of a scenario; it passes when the verdict does."""

    def runtest(self) -> None:
        """Run it.

        Raises:
            DidNotPass: any other verdict than passed.
            HarnessError: it cannot be run.
        """
        # pytest makes a folder of its own for fixtures alone, and an item has none.
        runs = self.config._tmp_path_factory.mktemp("runs")  # type: ignore[attr-defined] # noqa: SLF001
        result = run(self.config, str(self.path), runs)
        if result.outcome != "passed":
            raise DidNotPass(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The harness's own table, or its one line; anything else as pytest shows it."""
        from harness.errors import HarnessError

        if isinstance(excinfo.value, DidNotPass | HarnessError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, for pytest's headings."""
        return self.path, None, f"scenario {self.name}"


class FuzzItem(ScenarioItem):
    """One search; it passes when nothing was found."""

    def runtest(self) -> None:
        """Search.

        Raises:
            WasBroken: a schedule breaks the pipeline, or an example had no verdict.
            HarnessError: nothing can be searched.
        """
        findings = fuzz(self.config, str(self.path))
        if findings.found or findings.unknown or not findings.examples:
            raise WasBroken(findings)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found, and the commands that play it; anything else as pytest shows it."""
        if isinstance(excinfo.value, WasBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class WasBroken(Exception):  # noqa: N818 - a finding, not an error
    """What a search found, as text."""

    def __init__(self, findings: Findings) -> None:
        from harness.fuzz.told import told

        head = f"{findings.examples:,} examples, seed {findings.seed}"
        super().__init__("\n".join([head, *told(findings)]))


class DidNotPass(Exception):  # noqa: N818 - a verdict, not an error
    """A run whose verdict is not `passed`; its text is the verdict as the harness prints it."""

    def __init__(self, result: Result) -> None:
        from harness.report.plain import as_text

        super().__init__(as_text(result))
        self.result = result


def run(
    config: pytest.Config,
    name_or_file: str,
    runs: Path,
    *,
    pipeline: str = "",
    seed: int | None = None,
    overrides: Iterable[str] = (),
) -> Result:
    """Run a scenario as pytest's options say.

    Args:
        config: its `--harness-seed` and `--harness-pipeline` win over the arguments.
        name_or_file: as `harness run` takes it.
        runs: where the run directory is made.
    """
    from harness.backends.choice import without_password
    from harness.run.progress import Silent
    from harness.run.runner import Options, run_scenario
    from harness.scenario.load import load_scenario

    given = config.getoption("--harness-seed")
    seed = seed if given is None else given
    settings = [*overrides, *([] if seed is None else [f"seed={seed}"])]
    scenario = load_scenario(name_or_file, overrides=settings)
    under_test = config.getoption("--harness-pipeline") or pipeline
    options = Options(
        pipeline=under_test,
        runs=runs,
        backends=backends(config),
        # Tests of this project may run what this project's scenarios bring.
        allow_command=scenario.folder.resolve().is_relative_to(config.rootpath.resolve()),
    )
    result = run_scenario(scenario, options, Silent())
    words = ["harness", "run", name_or_file, "--seed", str(result.seed)]
    words += ["--pipeline", under_test] if under_test else []
    for option, choice in (
        ("--aws", options.backends.aws),
        ("--clickhouse", options.backends.clickhouse),
    ):
        words += [option, without_password(choice)] if choice else []
    for setting in overrides:
        words += ["--set", f"'{setting}'"]
    result.replay = " ".join(words)
    return result


def fuzz(config: pytest.Config, name_or_file: str) -> Findings:
    """Search as pytest's options say; repro files go into `repros/` of the project."""
    from harness.clock import WallClock
    from harness.fuzz.campaign import Campaign, search
    from harness.fuzz.ground import ground
    from harness.fuzz.span import seconds_of

    pipeline = config.getoption("--harness-pipeline")
    base = ground(name_or_file, pipeline)
    given = config.getoption("--harness-seed")
    return search(
        Campaign(
            (base,),
            pipeline or base.pipeline.name,
            WallClock().now_us() % 2**31 if given is None else given,
            config.rootpath / "repros",
            seconds=seconds_of(config.getoption("--harness-fuzz"), "--harness-fuzz"),
        )
    )


def backends(config: pytest.Config) -> Backends:
    """What pytest's options, or else the environment, choose; empty where neither does."""
    from harness.backends.choice import Backends

    aws, clickhouse = (
        config.getoption(f"--harness-{name}") or os.environ.get(f"HARNESS_{name.upper()}", "")
        for name in ("aws", "clickhouse")
    )
    return Backends(aws=aws, clickhouse=clickhouse)


@pytest.fixture
def harness_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Result]:
    """Runs a scenario: `harness_run()` the marked one, `harness_run("hot-key")` any other.

    A run that does not pass fails the test and shows the harness's table; with `check=False` the
    result is returned whatever it is.
    """

    def run_it(
        name: str = "",
        *,
        pipeline: str = "",
        seed: int | None = None,
        overrides: Iterable[str] = (),
        check: bool = True,
    ) -> Result:
        __tracebackhide__ = True
        mark = request.node.get_closest_marker(MARKER)
        marked = {} if name or mark is None else mark.kwargs
        name = name or (str(mark.args[0]) if mark is not None and mark.args else "")
        if not name:
            pytest.fail("no scenario: mark the test or name one", pytrace=False)
        given = {"pipeline": pipeline, "seed": seed, "overrides": tuple(overrides)}
        wanted = marked | {
            key: value for key, value in given.items() if value not in ("", None, ())
        }
        from harness.errors import HarnessError

        try:
            result = run(request.config, name, tmp_path_factory.mktemp("runs"), **wanted)
        except HarnessError as error:
            pytest.fail(str(error), pytrace=False)
        if check and result.outcome != "passed":
            pytest.fail(str(DidNotPass(result)), pytrace=False)
        return result

    return run_it


@pytest.fixture(scope="session")
def harness_world(pytestconfig: pytest.Config) -> Iterator[World]:
    """Both servers, one pair for each pytest process (with xdist: for each worker)."""
    from harness.backends.world import World
    from harness.clock import WallClock

    with World(backends(pytestconfig), WallClock(), aws_settings=_WITHOUT_WAITING) as world:
        yield world


_WITHOUT_WAITING = {
    "kinesis": dict.fromkeys(
        ("create_seconds", "update_seconds", "delete_seconds", "consumer_seconds"), 0.0
    ),
    "destination": {"enabling": 0.0},
}


@pytest.fixture
def aws_endpoint(harness_world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of DynamoDB, Streams, Kinesis and S3; clients without arguments find it too."""
    for name, value in harness_world.variables().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return harness_world.aws.endpoint_url


@pytest.fixture
def clickhouse_url(harness_world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """`http://user:password@host:port/database` of ClickHouse, also as CLICKHOUSE_URL."""
    monkeypatch.setenv("CLICKHOUSE_URL", harness_world.clickhouse_url)
    return harness_world.clickhouse_url
