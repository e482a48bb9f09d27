"""Who writes what, and when: operations drawn from a scenario and its seed, and their writer."""
