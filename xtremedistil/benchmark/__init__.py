"""Speed, measured side by side: one clock, candidates in every form, one table."""
