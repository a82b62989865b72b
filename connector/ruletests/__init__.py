"""Rule tests: stories of invented orders, and what the rules are expected to do about them."""
