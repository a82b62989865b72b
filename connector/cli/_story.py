"""An order's story in the words of a shop owner: a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from rich.tree import Tree

from connector.cli._claims import MOMENT, mark, must_hold, with_times, would_stop
from connector.cli._rows import action_of
from connector.cli._screen import ago, clean, count, local
from connector.explaining import Story, Told, moved_by
from connector.shop import Shop
from connector.store.followups import Followup
from rules.events import ASSUMED, PLATFORM, SEEN, STATUS, Event
from rules.planner import SETTLED, Wanted
from rules.protection import TRANSACTIONAL
from rules.rule import Step
from rules.waits import in_words


def tree_of(story: Story, shop: Shop, now: datetime, *, at_length: bool) -> Iterator[Tree | str]:
    """The story, top to bottom: lines, and the branches of what happened and of each rule. Unless `at_length`, rules
    that the order never came near are summed up.
    """
    order, zone = story.known.order, shop.calendar.zone
    yield f"Order {clean(order.number)} of {shop.config.name}: {clean(order.status)}, {order.total}"
    yield from _as_of(story, zone, now)
    for reason in dict.fromkeys(story.unwritable.values()):
        yield f"No messages: {clean(reason)}."
    yield ""
    events = sorted(story.journal, key=lambda event: event.at)
    yield from _happened("Before Aftersale looked after this store", [each for each in events if each.old], zone)
    yield from _happened("What happened", [each for each in events if not each.old], zone)
    for told in story.told:
        if at_length or told.kept_away_by is None:
            yield _rule(told, story, shop, now)
    away = [] if at_length else [told for told in story.told if told.kept_away_by is not None]
    if away:
        others = Tree("Other rules")
        for line in _kept_away(away):
            others.add(line)
        yield others
    if story.vanished:
        gone = Tree("Done, or planned, by rules that are there no more, or for parts of the order that are gone")
        for (rule, position), rows in _by_step(story.vanished).items():
            _with(gone.add(f"{rule}, step {position}"), _rows(rows, zone, story, now))
        yield gone
    yield ""
    yield from _next(story, zone, now)


def _as_of(story: Story, zone: tzinfo, now: datetime) -> Iterator[str]:
    polled = story.state.polled_at
    seen = "never polled to the end so far" if polled is None else f"last polled {ago(polled, now)}"
    if story.at == now:
        yield f"As the store showed it when it was {seen}. Times are {zone}."
        return
    moment = local(story.at, zone)
    if story.at > now:
        yield f"As it will stand on {moment}, if nothing changes until then. Times are {zone}."
        return
    yield f"As it stood on {moment}. Times are {zone}."
    yield (
        "What happened is told by its own dates. Statuses, tags, addresses and amounts are as they are now, and so are "
        "the rules: how those were then is not recorded."
    )
    if story.changed_later:
        changed = count(story.changed_later, "action")
        yield f"What became of {changed} after that is left out."
    if story.at < story.known.order.created_at:
        yield f"The order was made later, on {local(story.known.order.created_at, zone)}."


# What happened ------------------------------------------------------------------------------------------------


def _happened(when: str, events: Sequence[Event], zone: tzinfo) -> Iterator[Tree]:
    if events:
        yield _with(Tree(when), [f"{local(event.at, zone)}  {_event(event)}" for event in events])


_HAPPENED: Mapping[str, str] = {
    "order.drafted": "somebody began a checkout",
    "checkout.abandoned": "the checkout was left unfinished",
    "order.placed": "the order was placed",
    "order.paid": "it was paid",
    "order.shipped": "it was shipped",
    "order.delivered": "it was delivered",
    "order.refunded": "all of the money was given back",
    "order.partially_refunded": "part of the money was given back",
    "order.return_requested": "the customer asked to send something back",
    "review.posted": "the customer wrote a review",
    "note.added": "somebody of the staff wrote a note",
    "shipment.shipped": "a parcel left",
    "shipment.late": "a parcel was not there on the day that the carrier had promised",
    "shipment.in_transit": "a parcel is on its way",
    "shipment.out_for_delivery": "a parcel is out for delivery",
    "shipment.available_for_pickup": "a parcel waits to be picked up",
    "shipment.delivery_failed": "a parcel could not be delivered",
    "shipment.exception": "something went wrong with a parcel",
    "shipment.returned": "a parcel came back",
    "shipment.delivered": "a parcel arrived",
}


def _event(event: Event) -> str:
    """What happened, its name in rules, and how it is known."""
    if event.kind.startswith(STATUS):
        what = f"its status became '{clean(event.kind.removeprefix(STATUS))}'"
    else:
        what = _HAPPENED.get(event.kind, event.kind)
    about = f", {clean(event.subject)}" if event.subject is not None else ""
    return f"{what} ({clean(event.kind)}{about}){_source(event)}"


def _source(event: Event) -> str:
    match event.source:
        case source if source == PLATFORM:
            return ""
        case source if source == SEEN:
            return "; that is when it was first seen"
        case source if source == ASSUMED:
            return "; nobody told, so it is assumed"
    by, _, value = event.source.partition(": ")
    by = {"meta": "custom field", "shipment": "parcels"}.get(by, by)
    return f"; told by the {by}" + (f" '{clean(value)}'" if by != "parcels" else "")


# A rule -------------------------------------------------------------------------------------------------------


def _rule(told: Told, story: Story, shop: Shop, now: datetime) -> Tree:
    zone, verdict = shop.calendar.zone, told.verdict
    name = f" ({verdict.rule.name})" if verdict.rule.name != verdict.rule.id else ""
    tree = Tree(f"{verdict.rule.id}{name}{_about(told)}: {_summary(told, story, zone)}")
    for trigger in verdict.checks[:1]:
        when = MOMENT.search(str(trigger.saw))
        happened = f"happened on {with_times(when[0], zone)}" if when is not None else trigger.saw or "has not happened"
        tree.add(f"{mark(trigger.held)} {trigger.wanted} {happened}")
    is_finished = verdict.outcome == SETTLED
    for part in () if is_finished else told.conditions:
        tree.add(must_hold(part, zone))
    for step in verdict.rule.steps:
        branch = _step(told, step, story, shop, now)
        if branch is not None:
            tree.add(branch)
    if told.hold_while and verdict.wanted is not None:
        holds = tree.add("It waits while one of these is so:")
        for part in told.hold_while:
            holds.add(f"{mark(all(check.held for check in part.checks))} {would_stop(part, zone)}")
    if told.stop_if and verdict.wanted is not None:
        stops = tree.add("It stops as soon as one of these is so:")
        for part in told.stop_if:
            stops.add(would_stop(part, zone))
    elif not is_finished:
        for part in told.stop_if:
            if not all(check.held for check in part.checks):
                tree.add(f"✗ stopped, as {would_stop(part, zone)}")
    return tree


def _about(told: Told) -> str:
    subject = told.verdict.subject
    match told.verdict.rule.once_per:
        case "customer" if subject is not None:
            return ", once for this customer"
        case "review" | "note" as noun if one := subject and (subject.review or subject.note):
            return f", for {noun} {clean(one.id)}"
    if subject is not None and subject.item is not None:
        return f", for {clean(subject.item.name)}"
    if subject is not None and subject.shipment is not None:
        return f", for parcel {clean(subject.shipment.id)}"
    return ""


def _summary(told: Told, story: Story, zone: tzinfo) -> str:
    wanted = told.verdict.wanted
    if wanted is None:
        return _outcome(told)
    rows = told.of_step(wanted.step.id)
    position = wanted.step.position
    if any(row.state == "held" and row.held_for == "approval" for row in rows):
        return f"step {position} waits for your approval"
    if any(row.state in ("held", "unknown") for row in rows):
        return f"nobody knows yet whether step {position} was done"
    if wanted.waits_while is not None:
        return f"step {position} {clean(wanted.waits_while)}"
    if told.obstacles:
        return f"step {position} is planned for {local(_due(told, wanted), zone)}, but something is in the way (✗)"
    return f"step {position} is planned for {local(_due(told, wanted), zone)}"


def _outcome(told: Told) -> str:
    if told.verdict.outcome == SETTLED:
        return "finished"
    if any(not check.held for part in told.conditions for check in part.checks):
        return "it does not act, as what is marked ✗ does not hold"
    if not all(check.held for part in told.stop_if for check in part.checks) and told.rows:
        return "stopped"
    return clean(told.verdict.outcome)


def _due(told: Told, wanted: Wanted) -> datetime:
    """When the step that is wanted comes: as planned, or later where it was put off."""
    return max([wanted.due_at, *(row.meant_for for row in told.of_step(wanted.step.id) if row.state == "pending")])


def _step(told: Told, step: Step, story: Story, shop: Shop, now: datetime) -> Tree | None:
    zone, wanted = shop.calendar.zone, told.verdict.wanted
    rows = told.of_step(step.id)
    kinds = ", ".join(action.kind for action in step.actions)
    if wanted is None or wanted.step.position > step.position:
        if not rows:
            return None
        return _with(Tree(f"Step {step.position}"), _rows(rows, zone, story, now))
    if wanted.step.position < step.position:
        return Tree(f"Step {step.position}, {kinds}: to come, {in_words(step.wait, 'the step before')}")
    if any(row.state in ("held", "unknown") for row in rows):
        return _with(Tree(f"Step {step.position}"), _rows(rows, zone, story, now))
    due = _due(told, wanted)
    when = _planned(due, story, zone, now)
    if wanted.waits_while is not None:
        when = f"{clean(wanted.waits_while)}, planned for {local(due, zone)}"
    tree = Tree(f"Step {step.position}, {kinds}: {when}{_ids(rows)}")
    if (by := moved_by(wanted, shop)) is not None:
        tree.add(f"its wait is over at {local(wanted.ripe_at, zone)}; moved from there by {by}")
    put_off = [row.reason for row in rows if row.state == "pending" and row.held_for is None]
    for reason in filter(None, dict.fromkeys(put_off)):
        tree.add(clean(reason))
    for obstacle in told.obstacles:
        tree.add(f"✗ {clean(obstacle)}")
    if wanted.expires_at is not None and (due > story.at or story.at <= now):
        expires = local(wanted.expires_at, zone)
        is_late = wanted.expires_at < story.at
        tree.add(
            f"✗ it expired on {expires}" if is_late else f"it expires on {expires}, if it has not gone out by then"
        )
    return tree


def _planned(due: datetime, story: Story, zone: tzinfo, now: datetime) -> str:
    when = local(due, zone)
    if due > story.at:
        return f"planned for {when}"
    if story.at == now:
        return f"due since {when}, for the next run"
    return f"due on {when}" + (": done by the first run after that" if due > now else "")


def _ids(rows: Sequence[Followup]) -> str:
    return f" (id {', '.join(str(row.id) for row in rows)})" if rows else ""


def _with(tree: Tree, lines: Sequence[str]) -> Tree:
    for line in lines:
        tree.add(line)
    return tree


_CURES = {
    "approval": "'aftersale approve {rule}' shows it, and lets it go",
    "outcome": "look in the shop, then 'aftersale settle {id} --sent' or '--not-sent'",
}


def _rows(rows: Sequence[Followup], zone: tzinfo, story: Story, now: datetime) -> list[str]:
    """What became of the actions of a step; those of which the same is to be said are told together."""
    alike: dict[str, list[Followup]] = {}
    for row in rows:
        alike.setdefault(_became(row, zone, story, now), []).append(row)
    return [f"{', '.join(map(action_of, these))}: {became}{_ids(these)}" for became, these in alike.items()]


def _became(row: Followup, zone: tzinfo, story: Story, now: datetime) -> str:
    if row.state == "pending":
        state = _planned(row.meant_for, story, zone, now)
    else:
        state = f"{_STATES[row.state]}, {local(row.at, zone)}"
    told = [row.reason, row.basis if row.basis != TRANSACTIONAL else None]
    told.append(f"not by {row.passed_over}" if row.passed_over else None)
    since = story.outdated.get((row.rule, row.version))
    told.append(f"by the rule as of {local(since, zone)}" if since is not None else None)
    told.append(_CURES[row.held_for].format(rule=row.rule, id=row.id) if row.held_for in _CURES else None)
    return "; ".join([state, *(with_times(clean(each), zone) for each in told if each)])


def _by_step(rows: Sequence[Followup]) -> dict[tuple[str, int], list[Followup]]:
    steps: dict[tuple[str, int], list[Followup]] = {}
    for row in rows:
        steps.setdefault((row.rule, row.position), []).append(row)
    return steps


_STATES = {
    "done": "done",
    "skipped": "not done",
    "held": "held for you",
    "failed": "failed",
    "unknown": "tried, and it is not known yet whether it happened",
}


# The rest -----------------------------------------------------------------------------------------------------


def _kept_away(away: Sequence[Told]) -> Iterator[str]:
    """Why rules have nothing to do with the order: a line for each reason."""
    waiting = [f"{each.verdict.rule.id} ({each.verdict.rule.trigger})" for each in _once(away, "trigger")]
    if waiting:
        yield f"What they wait for has not happened: {', '.join(waiting)}"
    before = [each.verdict.rule.id for each in _once(away, "switched on")]
    if before:
        yield f"What they wait for happened before they were switched on: {', '.join(before)}"
    off = [each.verdict.rule.id for each in _once(away, "enabled")]
    if off:
        yield f"Switched off: {', '.join(off)}"
    for kind in ("order", "once_per"):
        reasons: dict[str, list[str]] = {}
        for each in _once(away, kind):
            reasons.setdefault(clean(each.verdict.outcome), []).append(each.verdict.rule.id)
        for reason, rules in reasons.items():
            yield f"{reason[:1].upper()}{reason[1:]}: {', '.join(rules)}"


def _once(away: Sequence[Told], by: str) -> list[Told]:
    """One of each rule that was kept away by this."""
    return list({each.verdict.rule.id: each for each in away if each.kept_away_by == by}.values())


def _next(story: Story, zone: tzinfo, now: datetime) -> Iterator[str]:
    """What will happen by itself; of the future, what will have happened by then."""
    by_then = [each for each in story.nexts if each.at <= story.at]
    after = [each for each in story.nexts if each.at > story.at]
    if story.at > now and by_then:
        yield "By then: " + "; ".join(f"{local(each.at, zone)}, {each.what}" for each in by_then) + "."
        yield "What follows from that cannot be told before it is done."
    elif by_then:
        yield f"Next: now (since {local(by_then[0].at, zone)}), {by_then[0].what}."
    elif after:
        yield f"Next: {local(after[0].at, zone)}, {after[0].what}."
    else:
        yield "Nothing comes next by itself, as things stand."
