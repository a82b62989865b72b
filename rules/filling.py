"""Fields that nothing ever fills in a rule with a certain trigger: conditions on them would mean nothing."""

from __future__ import annotations

from rules.events import ABANDONED

_TOLD_BY = {"review.": "review.posted", "note.": "note.added"}
"""What is told with one trigger alone, by the beginning of its fields' names."""

_AFTER_THE_CHECKOUT = ("shipment.", "refund.", "return.", "order.paid_at", "order.completed_at", "order.cancelled_at")


def never_filled(field: str, trigger: str) -> str | None:
    """Why a field is always missing with a trigger (a sentence for its author); None if it may be there."""
    for beginning, told_by in _TOLD_BY.items():
        if field.startswith(beginning) and trigger.partition(":")[0] != told_by:
            return f"'{field}' is always missing here: only a rule with the trigger {told_by} has it"
    if trigger == ABANDONED and field.startswith(_AFTER_THE_CHECKOUT):
        return f"'{field}' is always missing here: an abandoned checkout has come to nothing of the kind yet"
    return None
