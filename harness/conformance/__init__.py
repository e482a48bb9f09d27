"""Does an endpoint behave as AWS documents? Behaviour checks by boto3 alone, on any endpoint."""
