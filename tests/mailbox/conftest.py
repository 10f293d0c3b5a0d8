"""A failed promise of the contract shall show both sides of the comparison."""

import pytest

pytest.register_assert_rewrite("tests.mailbox.contract")
