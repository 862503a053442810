"""What `kwsd doctor` checks."""
