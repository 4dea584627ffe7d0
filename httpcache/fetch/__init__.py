"""ASK: one request to the next hop; one fetch for many waiters."""
