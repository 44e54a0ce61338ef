"""What a newcomer can run and copy: a declaration, a sample generator, a notebook."""
