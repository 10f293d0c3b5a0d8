"""Plan and findings as rows, text, JSON and CSV. Returns values; prints nothing."""
