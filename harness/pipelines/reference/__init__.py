"""The reference sync: what ClickPipes for S3 and Kinesis are documented to do, done correctly.

snapshot: export manifest → ClickHouse's own s3() → target
stream:   Enumerator → Reader → Decoder → Versioner → Batcher → Flusher → Checkpointer
"""
