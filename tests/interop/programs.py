"""The client programs of the lane, each built once: `python -m tests.interop.programs` builds all.

That is how CI builds them beside its other steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.toolchains import built

if TYPE_CHECKING:
    from pathlib import Path

MAVEN = ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress"]
JARS = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=target/lib"]
NPM = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]


def java_program(folder: str) -> list[str]:
    """The command that starts a Java program's Worker."""
    home = built(folder, [*MAVEN, "compile", *JARS])
    classpath = f"{home / 'target/classes'}:{home / 'target/lib'}/*"
    return ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", classpath, "interop.Worker"]


def kcl() -> list[str]:
    """The Kinesis Client Library's worker."""
    return java_program("java/kcl")


def streams_adapter() -> list[str]:
    """The DynamoDB Streams adapter's worker."""
    return java_program("java/streams-adapter")


def node() -> Path:
    """The folder of the programs for Node."""
    return built("node", NPM)


def go() -> Path:
    """The folder of the programs in Go."""
    return built("go", ["go", "build", "-o", "bin/", "./..."])


if __name__ == "__main__":
    for build in (kcl, streams_adapter, node, go):
        build()
