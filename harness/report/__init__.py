"""What the reader sees: of a run while it goes on, and of its verdict."""
