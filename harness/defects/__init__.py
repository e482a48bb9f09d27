"""The catalogue of defect classes: what goes wrong in change data capture, and what repairs it."""
