"""Ways to reach a customer besides the platform's own: one file each. `base` says what each owes to its callers."""
