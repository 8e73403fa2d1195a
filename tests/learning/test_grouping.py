"""Bags in groups that fit into memory, and seeds by name."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from marrow.device.random_state import named_seed
from marrow.learning.feed.grouping import grouped


@given(st.lists(st.integers(1, 20)), st.integers(1, 40))
def test_groups_hold_all_bags_in_order_and_each_is_as_large_as_it_may_be(lengths, most):
    groups = list(grouped(lengths, most))
    assert [position for group in groups for position in group] == list(range(len(lengths)))
    sizes = [sum(lengths[position] for position in group) for group in groups]
    assert all(size <= most or len(group) == 1 for size, group in zip(sizes, groups, strict=True))
    starts = [lengths[group[0]] for group in groups[1:]]
    assert all(size + start > most for size, start in zip(sizes, starts, strict=False))


def test_a_named_seed_is_the_hash_of_its_names_which_no_process_changes():
    assert named_seed("order", 1, 2) == int(hashlib.sha256(b"order/1/2").hexdigest()[:32], 16)
    assert named_seed("order", 1, 2) != named_seed("order", 12)
