"""Real processes under faults: every answer is judged by what the origin is known to have said."""
