"""The laws put to the rack: killed, failed, overloaded and mutated, and what customers received counted at the end."""
