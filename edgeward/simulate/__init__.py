"""What stores of a given size would have kept of a sequence of requests: ours, others', and what none can pass."""

from edgeward.simulate.caches import Cache
from edgeward.simulate.simulating import POLICIES, Budgets, Ratios, new_cache, simulate

__all__ = ["POLICIES", "Budgets", "Cache", "Ratios", "new_cache", "simulate"]
