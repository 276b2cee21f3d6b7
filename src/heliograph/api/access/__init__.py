"""Who uses the REST API, and what he may do with it; what is written about that is :mod:`heliograph.config.access`."""
