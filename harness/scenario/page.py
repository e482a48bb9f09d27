"""`docs/scenario.md`, written from the JSON Schema of scenario files.

python -m harness.scenario.page > docs/scenario.md
"""

from __future__ import annotations

import json
import sys
from typing import Any

from harness.scenario.schema import json_schema

HEAD = """# Scenario files

A scenario is a TOML file: the table, how items are drawn, what is written, the target, what may go wrong.
Begin with `harness new NAME`, or with one that ships: `harness list`.
Tables and streams have AWS's parameter names in snake case.
A mistake is answered with one line that names the file, the key and what was expected.

`harness run NAME --set workload.changes=5000` overrides one key; `harness schema > scenario.schema.json` lets an editor complete and check.

This page is written from that schema: `python -m harness.scenario.page > docs/scenario.md`.

## Top level
"""


def page() -> str:
    """The page as Markdown."""
    schema = json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    parts = [HEAD, _table(schema, definitions)]
    for name in _in_order(schema, definitions):
        definition = definitions[name]
        if definition.get("type") == "object" and definition.get("properties"):
            parts += [f"\n## {name}\n\n{_told(definition)}\n", _table(definition, definitions)]
    return "\n".join(parts)


def _in_order(schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """The definitions as the top level names them, each followed by those that it names."""
    found: list[str] = []

    def visit(node: Any) -> None:
        for name in _references(node):
            if name not in found:
                found.append(name)
                visit(definitions[name])

    visit(schema["properties"])
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [str(node["$ref"]).rpartition("/")[2]] if "$ref" in node else []
        return [*own, *(name for value in node.values() for name in _references(value))]
    if isinstance(node, list):
        return [name for value in node for name in _references(value)]
    return []


def _table(definition: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = definition.get("required", [])
    lines = ["| key | value | default | |", "|---|---|---|---|"]
    for name, given in definition["properties"].items():
        default = "required" if name in required else _default(given)
        cells = (f"`{name}`", _kind(given, definitions), default, _cell(_told(given)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kind(given: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in given:
        name = str(given["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if "properties" in definitions[name] else f"`{name}`"
    for several in ("anyOf", "oneOf"):
        if several in given:
            kinds = [_kind(one, definitions) for one in given[several]]
            return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "const" in given or "enum" in given:
        choices = given.get("enum", [given.get("const")])
        return ", ".join(f"`{json.dumps(choice)}`" for choice in choices)
    kind = given.get("type", "any")
    if kind == "array" and "prefixItems" not in given:
        return f"list of {_kind(given.get('items', {}), definitions)}"
    if kind == "object" and isinstance(given.get("additionalProperties"), dict):
        return f"table of {_kind(given['additionalProperties'], definitions)}"
    return str(kind) + _bounds(given)


def _bounds(given: dict[str, Any]) -> str:
    words = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
    }
    told = [f"{sign} {given[name]:g}" for name, sign in words.items() if name in given]
    return f" {', '.join(told)}" if told else ""


def _default(given: dict[str, Any]) -> str:
    if "default" not in given or given["default"] in (None, "", [], {}):
        return ""
    if isinstance(given["default"], dict):
        return "its own defaults"
    return f"`{_cell(json.dumps(given['default'], ensure_ascii=False))}`"


def _told(given: dict[str, Any]) -> str:
    text = str(given.get("description", "")).partition("Attributes:")[0]
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page() + "\n")
