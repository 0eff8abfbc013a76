"""What is remembered of a client, its folders and its documents."""
