"""retentiond keeps a helpline's promise: what was written to it is gone when it said so, and provably."""

__version__ = "0.1.0"
