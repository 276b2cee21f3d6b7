"""Kafka's messages: schemas, version choice, the hand-made Fetch and Produce codecs, the error table.

Schemas come from `kio`, which is generated from Apache Kafka's own message definitions. The bodies of Fetch and
Produce are ours (:mod:`heliograph.wire.fetch`, :mod:`heliograph.wire.produce`), because there a batch must stay a
view on the bytes that were received, and because they are most of what a replicator sends.
"""
