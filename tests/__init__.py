"""The tests: tables for rules, laws, and plays over real sockets."""
