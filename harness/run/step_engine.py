"""ClickHouse's engine for stepped examples: a few rows a statement, and the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clickhouse.engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

INLINE_BYTES_MAX = 1 << 14
ENGINE_SETTINGS = {
    "max_threads": "1",
    "max_insert_threads": "1",
    "log_queries": "0",
    "input_format_parallel_parsing": "0",
    "output_format_parallel_formatting": "0",
    "local_filesystem_read_method": "pread",
    "optimize_move_to_prewhere": "0",
    "log_profile_events": "0",
    "log_processors_profiles": "0",
    "query_profiler_real_time_period_ns": "0",
    "query_profiler_cpu_time_period_ns": "0",
    "memory_profiler_step": "0",
}
"""A few rows a statement: handing them to threads, reading them in two goes or watching how it is done
costs more than the work."""

ENGINE_CONFIG = """<clickhouse>
  <merge_tree>
    <max_bytes_to_merge_at_max_space_in_pool>1</max_bytes_to_merge_at_max_space_in_pool>
    <compress_marks>0</compress_marks>
    <compress_primary_key>0</compress_primary_key>
    <ratio_of_defaults_for_sparse_serialization>1</ratio_of_defaults_for_sparse_serialization>
  </merge_tree>
</clickhouse>
"""
"""No merges in the background: they come when they like, and an example must be the same each time.
And parts as plain as can be: making them is half of what an example costs."""


def step_engine(folder: Path) -> Engine:
    """An engine whose data and configuration are in `folder`.

    Raises:
        BackendError: the engine does not start there.
    """
    config = folder / "clickhouse.xml"
    config.write_text(ENGINE_CONFIG, encoding="ascii")
    return Engine(
        folder / "clickhouse",
        settings=ENGINE_SETTINGS,
        inline_bytes_max=INLINE_BYTES_MAX,
        config=config,
    )
