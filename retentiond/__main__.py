"""`python -m retentiond` is the same as the command `retentiond`."""

from retentiond.cli import main

main()
