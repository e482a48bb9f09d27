"""The files of one scenario: `write_files` is what `harness terraform` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.terraform.aws import aws_blocks
from harness.terraform.clickpipes import pipe_blocks
from harness.terraform.hcl import Block, Raw, document
from harness.terraform.names import names_of
from harness.terraform.refusals import fan_out, pipe_settings, refuse_the_rest
from harness.terraform.views import statements

if TYPE_CHECKING:
    from pathlib import Path

    from harness.scenario.model import Scenario
    from harness.terraform.names import Names

AWS_VERSION, CLICKHOUSE_VERSION = ">= 5.70", ">= 3.3"


def files_of(scenario: Scenario) -> dict[str, str]:
    """File name to text.

    Raises:
        UsageError: something of the scenario cannot be expressed.
    """
    is_fan_out = fan_out(scenario)
    settings = pipe_settings(scenario)
    refuse_the_rest(scenario)
    scenario = _unmarked(scenario)
    names = names_of(scenario)
    return {
        "versions.tf": document(_versions()),
        "variables.tf": document(_variables()),
        "aws.tf": document(aws_blocks(scenario, names, fan_out=is_fan_out)),
        "clickpipes.tf": document(pipe_blocks(scenario, names, settings, fan_out=is_fan_out)),
        "outputs.tf": document(_outputs(scenario, names)),
        "clickhouse.sql": _sql(scenario, names),
    }


def write_files(scenario: Scenario, folder: Path) -> list[Path]:
    """Write the files; returns their paths.

    Raises:
        UsageError: something cannot be expressed, or a file is there with another text.
    """
    texts = files_of(scenario)
    other = [
        name
        for name, text in texts.items()
        if (folder / name).exists() and (folder / name).read_text(encoding="utf-8") != text
    ]
    if other:
        raise UsageError(
            f"{folder / other[0]} exists and is another one",
            hint="name an empty folder with -o, or move it away",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _unmarked(scenario: Scenario) -> Scenario:
    """Without the columns that a run adds to name the write behind each row."""
    workload = scenario.workload
    plain = workload.markers.model_copy(update={"id": "", "counter": ""})
    return scenario.model_copy(update={"workload": workload.model_copy(update={"markers": plain})})


def _versions() -> list[Block]:
    providers = {
        "aws": {"source": "hashicorp/aws", "version": AWS_VERSION},
        "clickhouse": {"source": "ClickHouse/clickhouse", "version": CLICKHOUSE_VERSION},
    }
    return [
        Block("terraform", (), {"required_providers": Block("required_providers", (), providers)}),
        Block("provider", ("aws",), {"region": Raw("var.aws_region")}),
        Block(
            "provider",
            ("clickhouse",),
            {
                "organization_id": Raw("var.clickhouse_organization_id"),
                "token_key": Raw("var.clickhouse_token_key"),
                "token_secret": Raw("var.clickhouse_token_secret"),
            },
        ),
    ]


def _variables() -> list[Block]:
    secret = {"sensitive": True}
    return [
        _variable("aws_region", "Of the table and the stream."),
        _variable("clickhouse_organization_id", "Of ClickHouse Cloud."),
        _variable("clickhouse_token_key", "Of an API key of that organization.", secret),
        _variable("clickhouse_token_secret", "Of the same API key.", secret),
        _variable("clickhouse_service_id", "The service that gets the rows."),
        _variable(
            "clickhouse_service_role_arn",
            "The service's own IAM role: Settings, Network security information.",
        ),
    ]


def _variable(name: str, description: str, more: dict[str, bool] | None = None) -> Block:
    body = {"type": Raw("string"), "description": description, **(more or {})}
    return Block("variable", (name,), body)


def _outputs(scenario: Scenario, names: Names) -> list[Block]:
    values = {
        "stream_arn": f"aws_kinesis_stream.{names.label}.arn",
        "role_arn": "aws_iam_role.clickhouse.arn",
        "stream_pipe_id": f"clickhouse_clickpipe.{names.label}_stream.id",
    }
    if scenario.snapshot.export:
        values["export_time"] = f"aws_dynamodb_table_export.{names.label}.start_time"
        values["snapshot_pipe_id"] = f"clickhouse_clickpipe.{names.label}_snapshot.id"
    return [Block("output", (name,), {"value": Raw(value)}) for name, value in values.items()]


def _sql(scenario: Scenario, names: Names) -> str:
    head = (
        f"-- Scenario {scenario.name}. Run this before `terraform apply`: the pipes need the "
        "tables,\n-- and what arrives before its view exists is lost.\n"
    )
    parts = []
    for comment, statement in statements(scenario, names):
        lines = "".join(f"-- {line}\n" for line in comment.split("\n") if line)
        parts.append(f"{lines}{statement};\n")
    return "\n".join([head, *parts])
