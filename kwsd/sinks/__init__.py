"""Where events go: standard output, subscribers at a Unix socket, and the commands that the user bound to words."""
