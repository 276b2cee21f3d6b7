"""What the running process shows over HTTP: pictures of it for machines, and nothing that could change it."""
