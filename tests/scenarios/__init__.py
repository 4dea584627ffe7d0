"""Small plays over real sockets: a scripted origin, a real shield, real edges."""
