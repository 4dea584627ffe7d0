"""An HTTP cache: what both tiers of Edgeward are made of. Folders are verbs; see ARCHITECTURE.md."""
