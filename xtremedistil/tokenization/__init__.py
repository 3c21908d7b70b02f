"""Words to pieces, and back: the only room that knows what a piece is.

A tokenizer is a file here (`wordpiece`) and a line in `registry`; what it must give is in `base`.
"""
