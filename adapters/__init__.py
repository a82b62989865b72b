"""The outside world, translated: one vocabulary for every store platform and every channel."""
