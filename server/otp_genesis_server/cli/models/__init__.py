"""What subcommands that ask a model share."""
