"""The JSON Schema of a scenario file, from which editors complete and check it."""

from __future__ import annotations

from typing import Any

from harness.scenario.model import Scenario
from harness.workload.fakers import provider_names

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of scenario files, with the names of faker providers as examples to complete."""
    schema = Scenario.model_json_schema()
    provider = schema["$defs"]["Provider"]["properties"]
    provider["faker"]["examples"] = sorted(provider_names())
    return {"$schema": DIALECT, "title": "cdc-harness scenario", **schema}
