"""The command line, `countersign`: one file per subcommand."""
