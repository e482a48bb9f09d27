"""DynamoDB values and ClickHouse cells in one canonical form, so that the checks can compare them.

Nothing here is used by the emulators or by a pipeline: if all three decoded with the same code,
they would agree on its mistakes.
"""
