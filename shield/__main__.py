"""The worker process of a shield; its supervisor starts it."""

from httpcache.serve import worker
from shield import wire

worker.main(wire)
