"""FORGET: signed orders, the numbered log, watermarks, and the feed between tiers."""
