"""One subcommand a file. They import what they need when they run: `--help` loads them all."""
