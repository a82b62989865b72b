"""Random stories, in which the laws hold after every step (`make torture` tells more of them)."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from torture.stories import ShopifyStory, Story

short = settings(
    max_examples=6,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class TestWooCommerceStories(Story.TestCase):  # type: ignore[misc, name-defined]
    settings = short


class TestShopifyStories(ShopifyStory.TestCase):  # type: ignore[misc, name-defined]
    settings = short
