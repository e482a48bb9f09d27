"""All checks, in the order in which they are told: what is wrong first, then how it came about."""

from __future__ import annotations

from harness.checks import (  # noqa: F401 - importing registers each check
    final_state,
    lost_update,
    phantom,
    resurrection,
    type_fidelity,
    version_order,
)

# isort: split
from harness.checks import (  # noqa: F401
    apply_order,
    monotone_reads,
    write_amplification,
)

# isort: split
from harness.checks import (  # noqa: F401
    bounded_lag,
    checkpoint_honesty,
    convergence,
    hand_off,
    idle_quiet,
    poison_isolation,
)
