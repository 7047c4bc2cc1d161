"""How IB behaves rather than how it writes: what it refuses and in which words, what a duration means, how it paces."""
