"""What only the state can tell of rules: which are old ones under a new id, and which were once what fits no more."""

from __future__ import annotations

from connector.cli._exits import Exit, Stop
from connector.loading import Loaded


def refuse_twins(loaded: Loaded) -> None:
    """Raises Stop for each rule that would write to the same people again."""
    from connector.cli._state import exists, state_of

    if not exists(loaded):
        return
    from connector.opening import old_rules_under_new_ids
    from connector.store import stores

    problems: list[str] = []
    with state_of(loaded) as database, database.read() as connection:
        for store in loaded.config.stores:
            known = stores.load_rules(connection, store.id)
            # A rule that says what it was called is no new one.
            rules = tuple(rule for rule in loaded.rules[store.id] if rule.was not in known)
            problems += old_rules_under_new_ids(known, rules)
    if problems:
        raise Stop(Exit.MISTAKE, *dict.fromkeys(problems))


def refuse_misfits(loaded: Loaded) -> None:
    """Raises Stop for each earlier version of a rule by which somebody goes on, and which does not fit any more."""
    from connector.cli._state import exists, now, state_of

    if not exists(loaded):
        return
    from connector.opening import active_rules

    with state_of(loaded) as database, database.read() as connection:
        for store in loaded.config.stores:
            active_rules(connection, loaded, store, now())
