"""Questions about messages: which are sent, which are taken, how a wait for one ends."""
