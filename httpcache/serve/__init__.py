"""ANSWER: the transaction, bodies, content coding, the server adapter, and the processes of a node."""
