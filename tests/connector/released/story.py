"""What had happened in the shop whose state was kept: the same for every version that tells it."""

from __future__ import annotations

from tests.conftest import World

RULES = """
    - id: welcome
      trigger: order.placed
      stop_if: { order.status: cancelled }
      steps:
        - actions: [ { add_note: "Hello {{ customer.first_name }}" } ]
        - wait: 2 days
          actions: [ { send: "How was it?" } ]
    - id: many
      trigger: order.placed
      max_per_run: 1
      actions: [ { add_tag: new } ]
"""


def customers_order(world: World) -> tuple[int, int]:
    """Two orders, of which the second is cancelled later."""
    return world.store.add_order(), world.store.add_order()


def tell(world: World) -> None:
    """Leave something done, pending, skipped and held."""
    world.rules(RULES)
    world.run()
    _, cancelled = customers_order(world)
    world.run()
    world.store.set_status(cancelled, "cancelled")
    world.run()
