"""What is under test: programs that carry a table from AWS endpoints into ClickHouse.

They see endpoints only, and share no decoding code with the emulators or the checks.
"""
