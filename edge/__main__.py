"""The worker process of an edge; its supervisor starts it."""

from edge import wire
from httpcache.serve import worker

worker.main(wire)
