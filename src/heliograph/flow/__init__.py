"""The data plane: lanes, fetchers, senders, the window. It knows neither the meaning of topic names nor filters.

A *lane* is one source partition on its way to one target partition. Fetchers bring it bytes, senders take batches from
it and bring it acknowledgements; it decides, without I/O and without a clock of its own, what goes out next.
"""
