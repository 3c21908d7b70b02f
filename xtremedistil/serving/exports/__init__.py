"""A student in other formats, each compared with it before it is handed over."""
