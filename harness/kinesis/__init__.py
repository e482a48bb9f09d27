"""Kinesis Data Streams as AWS documents it: what a consumer can see, on the injected clock.

The emulator never loses, duplicates or reorders a record; disorder enters at the relay before it and
at the gate behind it. `harness.kinesis.api.Kinesis` is the door.

Deviation: calls of the control plane (DescribeStream, ListShards, …) are never throttled, and
    SubscribeToShard only within five seconds of a running subscription.
Deviation: an on-demand stream reshards when told (`Kinesis.rescale`), not under load.
Deviation: KMS keys are not looked up; resource policies are kept and obeyed by nobody.
Deviation: queues and channels are refused by name.
No source tells what AWS does with AT_SEQUENCE_NUMBER of a trimmed record: here reading begins with the
oldest record that is left. A moment of AT_TIMESTAMP filters is a millisecond, and the shards that were
open when it began are chosen.
"""
