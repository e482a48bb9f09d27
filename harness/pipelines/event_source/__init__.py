"""Lambda's event-source mapping for Kinesis and DynamoDB Streams, as a process of its own.

    shards ──poll──▶ filter ──by key──▶ lanes ──batches──▶ handler(event, context)
                                          │ retry, bisect, partial response
                                          └──▶ checkpoint, or the on-failure destination

What is Lambda's own state (checkpoints, window state) survives a kill; what was being handled is
delivered again, as AWS promises no more than at least once.

Source: AWS Lambda developer guide, "Using Lambda with Kinesis" and "… with DynamoDB Streams".
"""
