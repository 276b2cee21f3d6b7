"""The data plane: lanes, fetcher, producer, window. It knows neither topic names' meaning nor filters."""
