"""Kinesis Data Streams as AWS documents it: what a consumer can see, on the injected clock.

The emulator never loses, duplicates or reorders a record; disorder enters at the relay before it and
at the gate behind it. `harness.kinesis.api.Kinesis` is the door.
"""
