"""Tables, figures and pages from results on disk; needs no TensorFlow."""
