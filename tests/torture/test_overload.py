"""More than usual (`make torture` does the same with a hundred thousand orders)."""

from __future__ import annotations

from torture import overload


def test_a_slow_store_does_not_delay_another() -> None:
    count = overload.slow_store(12)
    assert count.is_clean, count.wrong


def test_thousands_of_orders_changed_at_once_are_stored_within_little_memory() -> None:
    count = overload.changed_at_once(3_000, most_mb=200)
    assert count.is_clean, count.wrong


def test_hundreds_due_at_once_are_held_and_once_approved_done_once_and_few_at_a_time() -> None:
    count = overload.due_at_once(250)
    assert count.is_clean, count.wrong


def test_the_pause_after_failures_grows_and_is_not_the_same_for_all() -> None:
    count = overload.back_off()
    assert count.is_clean, count.wrong
