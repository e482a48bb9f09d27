"""What pydantic found wrong, in plain words: where, what was expected, what was found, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from harness.errors import ScenarioError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

FOUND_MAX = 60
"""Characters of a found value that a message shows."""

_BRANCHES = frozenset({"Provider", "Column", "str"})
_WORDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a scenario.

    Attributes:
        path: keys from the top of the file.
        message: `expected …, found …`.
        hint: what to do; may be empty.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


def scenario_error(file: str, mistakes: Iterable[Mistake]) -> ScenarioError:
    """The error that shows the first mistake and names the places of the others."""
    first, *others = mistakes
    message = f"{file}: {dotted(first.path)}: {first.message}"
    hint = first.hint
    if others:
        rest = "also wrong: " + ", ".join(dict.fromkeys(dotted(other.path) for other in others))
        hint = f"{hint}; {rest}" if hint else rest
    return ScenarioError(message, hint=hint)


def dotted(path: Iterable[str | int]) -> str:
    """`item.age.faker`, `table.key_schema[0].key_type`; names with a dot are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = step.replace("_", "").replace("-", "").isalnum()
            text += ("." if text else "") + (step if plain else f'"{step}"')
    return text or "the file"


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """The mistakes of a failed validation, in the order of the model."""
    found: dict[tuple[str | int, ...], Mistake] = {}
    for problem in error.errors(include_url=False):
        path = tuple(step for step in problem["loc"] if step not in _BRANCHES)
        is_table = problem["type"] == "string_type" and isinstance(problem["input"], dict)
        if problem["loc"][-1] == "str" and is_table:
            continue  # the table's own mistakes say more than "not a text"
        mistake = _mistake(path, problem["type"], problem["input"], problem.get("ctx", {}), model)
        if problem["loc"][-1] in _BRANCHES and problem["type"] in ("model_type", "string_type"):
            mistake = _union(path, problem["input"])
        found.setdefault(path, mistake)
    return list(found.values())


def show(value: Any) -> str:
    """A found value, short enough for a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    text = repr(value)
    return text if len(text) <= FOUND_MAX else text[: FOUND_MAX - 1] + "…"


def _union(path: tuple[str | int, ...], value: Any) -> Mistake:
    if path[0] == "target":
        return Mistake(
            path,
            f"expected a ClickHouse type or a table, found {show(value)}",
            'write "String" or { type = "String", attribute = "a.b" }',
        )
    return Mistake(
        path,
        f"expected the name of a faker provider or a table, found {show(value)}",
        'write "first_name" or { value = … }',
    )


def _mistake(
    path: tuple[str | int, ...],
    kind: str,
    value: Any,
    context: Mapping[str, Any],
    model: type[BaseModel],
) -> Mistake:
    match kind:
        case "missing":
            described = description(model, path)
            return Mistake(
                path, "expected this key, found none", f"it says {described}" if described else ""
            )
        case "extra_forbidden":
            known = keys_at(model, path[:-1])
            return Mistake(
                path,
                f"expected a key that exists, found {path[-1]!r}",
                nearest(str(path[-1]), known),
            )
        case "literal_error":
            return Mistake(path, f"expected {context['expected']}, found {show(value)}")
        case "string_pattern_mismatch":
            return Mistake(
                path, f"expected a text that matches {context['pattern']}, found {show(value)}"
            )
        case _ if kind in _WORDS:
            return Mistake(
                path, f"expected {_WORDS[kind]}, found {show(value)}", _quoted(kind, value)
            )
        case _:
            return Mistake(path, f"expected {_bound(kind, context)}, found {show(value)}")


def _quoted(kind: str, value: Any) -> str:
    if isinstance(value, str) and kind in ("int_type", "float_type", "bool_type"):
        return "leave out the quotes"
    if kind == "string_type" and isinstance(value, int | float):
        return "put it into quotes"
    return ""


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"{context['ge']} or more"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"{context['le']} or less"
        case "less_than":
            return f"less than {context['lt']}"
        case "string_too_short":
            return "a text that is not empty"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "too_short":
            return f"at least {context['min_length']} of them"
        case "too_long":
            return f"at most {context['max_length']} of them"
        case _:
            return f"another value ({kind.replace('_', ' ')})"


def model_at(model: Any, path: Iterable[str | int]) -> Any:
    """The annotation that the model gives the place `path`; Any where it says nothing."""
    for step in path:
        part = part_of(model)
        if part is not None:
            field = _field(part, step)
            if field is None:
                return None
            model = field.annotation
            continue
        inner = [a for a in get_args(model) if a is not type(None)]
        model = inner[-1] if inner else Any
    return model


def part_of(annotation: Any) -> type[BaseModel] | None:
    """The model class in an annotation such as `Provider | str`, when there is one."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    if getattr(annotation, "__origin__", None) in (list, dict):
        return None
    for member in get_args(annotation):
        found = part_of(member)
        if found is not None:
            return found
    return None


def keys_at(model: Any, path: Iterable[str | int]) -> list[str]:
    """Keys that the table at `path` may have; empty when they are free."""
    part = part_of(model_at(model, path))
    if part is None:
        return []
    return [field.alias or name for name, field in part.model_fields.items()]


def _field(part: type[BaseModel], step: str | int) -> FieldInfo | None:
    """The field of a key: by its alias where its name is a word of Python's own."""
    for name, field in part.model_fields.items():
        if (field.alias or name) == step:
            return field
    return None


def description(model: Any, path: tuple[str | int, ...]) -> str:
    """What a key says, from the model's own words."""
    part = part_of(model_at(model, path[:-1]))
    field = _field(part, path[-1]) if part is not None else None
    if field is None:
        return ""
    if field.description:
        return field.description
    inner = part_of(field.annotation)
    first = ((inner.__doc__ or "") if inner is not None else "").strip().split("\n")[0]
    return first[:1].lower() + first[1:].rstrip(".")
