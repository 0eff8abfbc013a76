"""Speaking with the vendors through their own SDKs, which are loaded when a model is first used."""
