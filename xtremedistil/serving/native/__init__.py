"""The student's network in C, in int8: its weights' file, its kernel, and its folder."""
