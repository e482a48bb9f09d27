"""The peers that are known: names, versions, and how each is installed and started.

Sources: each project's own documentation; versions are those that the comparison was made with.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError, nearest
from harness.peers.peer import Peer, pip_install, step

if TYPE_CHECKING:
    from collections.abc import Sequence

MOTO = "5.2.5"
MINISTACK = "1.5.33"
DYNAMODB_LOCAL = "2.6.1"
LOCALSTACK = "4.7.0"
LOCALSTACK_DYNAMODB = "3.0.0"
KINESIS_MOCK = "0.4.13"
BYTE_BUDDY = "1.15.10"
_SERVICES = "s3,kinesis,dynamodb,dynamodbstreams"
_MAIN_OF = {
    "com.amazonaws": "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
    "software.amazon.dynamodb": "software.amazon.dynamodb.services.local.main.ServerRunner",
}
MANIFEST_LINE_BYTES = 70


def peer(name: str) -> Peer:
    """The peer of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in PEERS:
        raise UsageError(f"unknown peer {name!r}", hint=nearest(name, PEERS))
    return PEERS[name]


def _moto_command(folder: Path, port: int) -> Sequence[str]:
    return [str(folder / "venv/bin/moto_server"), "-H", "127.0.0.1", "-p", str(port)]


def _ministack_variables(_folder: Path, port: int) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "LOG_LEVEL": "WARNING",
    }


def _group_of(version: str) -> str:
    return "com.amazonaws" if version < "3" else "software.amazon.dynamodb"


def _install_dynamodb_local(folder: Path, version: str = DYNAMODB_LOCAL) -> None:
    """The jars of Amazon's own emulator, by Maven, into `lib`."""
    wanted = [
        (_group_of(version), "DynamoDBLocal", version),
        # An agent that does nothing: LocalStack's launcher insists on one.
        ("net.bytebuddy", "byte-buddy-agent", BYTE_BUDDY),
    ]
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{its}</version></dependency>"
        for group, name, its in wanted
    )
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>peers</groupId><artifactId>peers</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>",
        encoding="utf-8",
    )
    goal = "dependency:copy-dependencies"
    step(folder, "mvn", "-q", "-B", goal, "-DoutputDirectory=lib", "-DincludeScope=runtime")
    # The loader asks for the library without the version that Maven puts into its name.
    for library in (folder / "lib").glob("libsqlite4java-linux-amd64-*.so"):
        shutil.copy(library, library.with_name("libsqlite4java-linux-amd64.so"))


def _dynamodb_local_command(folder: Path, port: int) -> Sequence[str]:
    return [
        *("java", "-Xmx1g", f"-Djava.library.path={folder / 'lib'}", "-cp", f"{folder / 'lib'}/*"),
        *(_MAIN_OF[_group_of(DYNAMODB_LOCAL)], "-inMemory", "-sharedDb", "-disableTelemetry"),
        *("-port", str(port)),
    ]


def _install_localstack(folder: Path) -> None:
    """LocalStack in a venv, and where it looks for its parts: DynamoDB Local, kinesis-mock, Java."""
    pip_install(
        folder,
        f"localstack-core[runtime]=={LOCALSTACK}",
        "cbor2==5.6.5",
        "plux<1.13",
        "cryptography<46",
        "pyopenssl<25.2",
        "psutil<7.2",
        "service_identity",
    )
    jars = folder / "jars"
    jars.mkdir()
    _install_dynamodb_local(jars, LOCALSTACK_DYNAMODB)
    parts = folder / "root/var/lib/localstack/lib"
    local = parts / "dynamodb-local/2"
    shutil.copytree(jars / "lib", local / "DynamoDBLocal_lib")
    agent = next((local / "DynamoDBLocal_lib").glob("byte-buddy-agent-*.jar"))
    agent.rename(local / "ddb-local-loader-0.1.jar")
    _write_launcher(local)
    java = shutil.which("java")
    assert java is not None
    (parts / "java").mkdir()
    (parts / "java/21").symlink_to(Path(java).resolve().parent.parent)
    mock = parts / "kinesis-local" / KINESIS_MOCK
    mock.mkdir(parents=True)
    step(
        mock,
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        f"kinesis-local@{KINESIS_MOCK}",
    )


def _write_launcher(folder: Path) -> None:
    """A jar that names Maven's jars and nothing else; a manifest's lines hold 72 bytes."""
    names = sorted(path.name for path in (folder / "DynamoDBLocal_lib").glob("*.jar"))
    entries = [
        "Manifest-Version: 1.0",
        f"Main-Class: {_MAIN_OF[_group_of(LOCALSTACK_DYNAMODB)]}",
        "Class-Path: " + " ".join(f"DynamoDBLocal_lib/{name}" for name in names),
    ]
    lines: list[str] = []
    for entry in entries:
        lines.append(entry[:MANIFEST_LINE_BYTES])
        rest = entry[MANIFEST_LINE_BYTES:]
        width = MANIFEST_LINE_BYTES - 1
        lines += [" " + rest[at : at + width] for at in range(0, len(rest), width)]
    with zipfile.ZipFile(folder / "DynamoDBLocal.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines) + "\r\n\r\n")


def _localstack_variables(folder: Path, port: int) -> dict[str, str]:
    return {
        "FILESYSTEM_ROOT": str(folder / "root"),
        "LOCALSTACK_VOLUME_DIR": str(folder / f"volume-{port}"),
        "SERVICES": _SERVICES,
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "EAGER_SERVICE_LOADING": "1",
        "LS_LOG": "warning",
        "DYNAMODB_IN_MEMORY": "1",
        "KINESIS_LATENCY": "0",
        "LOCALSTACK_HOST": f"localhost:{port}",
        "OVERRIDE_IN_DOCKER": "0",
    }


PEERS: dict[str, Peer] = {
    "moto": Peer(
        "moto",
        MOTO,
        (),
        lambda folder: pip_install(folder, f"moto[server]=={MOTO}"),
        _moto_command,
        ready_path="/moto-api/",
    ),
    "ministack": Peer(
        "ministack",
        MINISTACK,
        (),
        lambda folder: pip_install(folder, f"ministack=={MINISTACK}"),
        lambda folder, _port: [str(folder / "venv/bin/ministack")],
        _ministack_variables,
        ready_path="/_localstack/health",
    ),
    "dynamodb-local": Peer(
        "dynamodb-local",
        DYNAMODB_LOCAL,
        ("java", "mvn"),
        _install_dynamodb_local,
        _dynamodb_local_command,
        lambda _folder, _port: {"DDB_LOCAL_TELEMETRY": "0"},
        lacks=("kinesis", "s3"),
    ),
    "localstack": Peer(
        "localstack",
        LOCALSTACK,
        ("java", "mvn", "node", "npm"),
        _install_localstack,
        lambda folder, _port: [
            str(folder / "venv/bin/python"), "-m", "localstack.runtime.main",
        ],
        _localstack_variables,
        ready_path="/_localstack/init/ready",
        ready_text=b'"completed": true',
    ),
}  # fmt: skip
