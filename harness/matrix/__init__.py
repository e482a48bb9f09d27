"""The kill matrix: which scenario finds which defect, and by which check."""
