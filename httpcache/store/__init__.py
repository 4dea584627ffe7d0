"""REMEMBER: records, a RAM store, a disk store, one over the other."""
