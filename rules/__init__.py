"""The thinking, pure: no I/O, no clock of its own, no database."""
