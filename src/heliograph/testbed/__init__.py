"""Real Apache Kafka and real MirrorMaker 2 as local processes, for the demo, the tests and the benchmark."""
