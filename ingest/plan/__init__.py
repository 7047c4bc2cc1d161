"""From a wish and the ledger to requests: what is missing, in which chunks, asked how, at what cost. Pure."""
