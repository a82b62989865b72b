"""What the rules would have done: past orders replayed, added up, and shown. Nothing is written, and nothing sent."""
