"""retentiond becomes a service of this machine: seen beforehand, step by step, and to be undone.

What is put where stands in `contents.py` alone; the Debian package is built from the same list.
"""
