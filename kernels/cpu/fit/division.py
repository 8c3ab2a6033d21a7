"""How the steps of a fit are divided into work items."""

# Gaussians of one work item: so many that atomic counters cost next to nothing.
GAUSSIANS_PER_ITEM = 128
