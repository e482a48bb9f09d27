"""The world a pipeline runs in: servers with a life cycle, and endpoints."""
