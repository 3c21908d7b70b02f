"""Files to labeled and unlabeled sentences in wordpieces, and their way into batches."""
