"""What may stand for AWS and for ClickHouse, and how it is told."""

from __future__ import annotations

import pytest

from harness.backends.choice import Backends, without_password
from harness.backends.clickhouse_container import image as clickhouse_image
from harness.backends.localstack import LocalStack, running
from harness.errors import ScenarioError, UsageError
from harness.scenario.load import load_scenario


@pytest.mark.parametrize(
    ("clickhouse", "kind", "tag"),
    [
        ("", "embedded", ""),
        ("embedded", "embedded", ""),
        ("embedded:24.8", "embedded", "24.8"),
        ("container", "container", ""),
        ("container:24.8-alpine", "container", "24.8-alpine"),
        ("https://u:p@host:8443/db", "url", ""),
    ],
)
def test_what_stands_for_clickhouse(clickhouse: str, kind: str, tag: str) -> None:
    chosen = Backends(clickhouse=clickhouse)
    assert (chosen.clickhouse_kind, chosen.clickhouse_tag) == (kind, tag)
    assert chosen.is_embedded("clickhouse") == (kind == "embedded")


@pytest.mark.parametrize("aws", ["embedded:1", "localstack:", "container", "ftp://x", "http://"])
def test_what_does_not_stand_for_aws(aws: str) -> None:
    with pytest.raises(UsageError, match=r"--aws takes 'embedded', 'localstack\[:…\]' or an http"):
        Backends(aws=aws)


def test_an_embedded_version_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"no such embedded version") as caught:
        Backends(clickhouse="embedded:23.1")
    assert "'24.8'" in caught.value.hint


def test_a_choice_wins_over_the_scenarios() -> None:
    assert Backends(aws="", clickhouse="").or_else("localstack", "").aws == "localstack"
    assert Backends(aws="embedded", clickhouse="").or_else("localstack", "").aws == "embedded"


def test_a_scenario_names_no_url() -> None:
    told = load_scenario("quickstart", overrides=['backends.clickhouse="container:25.8"'])
    assert told.backends.clickhouse == "container:25.8"
    with pytest.raises(ScenarioError, match=r"backends\.aws"):
        load_scenario("quickstart", overrides=['backends.aws="http://evil.example"'])


def test_a_password_is_not_shown() -> None:
    assert without_password("http://me:s3cret@host:1/db") == "http://me:***@host:1/db"
    with pytest.raises(UsageError) as caught:
        Backends(clickhouse="tcp://me:s3cret@host:9000")
    assert "s3cret" not in str(caught.value)


def test_the_running_localstack_is_found_as_localstack_client_does() -> None:
    assert running({}) == ""
    assert running({"AWS_ENDPOINT_URL": "http://there:1/"}) == "http://there:1"
    assert running({"LOCALSTACK_HOST": "there"}) == "http://there:4566"
    assert running({"LOCALSTACK_HOST": "there:4510"}) == "http://there:4510"
    assert running({"EDGE_PORT": "4510", "USE_SSL": "1"}) == "https://localhost:4510"


def test_newer_localstack_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("HARNESS_LOCALSTACK_IMAGE", raising=False)
    for tag in ("4.15.0", "latest", "2026.3"):
        with pytest.raises(UsageError, match="does not start without an account's token"):
            LocalStack(tag)
    assert LocalStack("4.13.1").image == "localstack/localstack:4.13.1"
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "t")
    assert LocalStack("4.15.0").image == "localstack/localstack:4.15.0"


def test_an_image_can_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CLICKHOUSE_IMAGE", "mirror.example/clickhouse:1")
    assert clickhouse_image("25.8") == "mirror.example/clickhouse:1"
