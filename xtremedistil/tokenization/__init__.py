"""Words to pieces, and back: the only room that knows what a piece is."""
