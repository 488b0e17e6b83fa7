"""A page to try the endpoint with: an editor, tokens, answers, and the queue as it fills. On loopback, never deployed."""
