"""A small invented helpline on an embedded mail server: the newcomer's first minute, and nobody's mail."""
