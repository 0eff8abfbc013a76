"""One handler a file, named after its method: METHOD, `handle(ls, params)`, perhaps OPTIONS or MESSAGE."""
