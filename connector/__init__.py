"""The worker: polls stores, keeps the journal, reconciles follow-ups, acts and records."""
