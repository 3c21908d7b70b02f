"""Speed, measured side by side: one clock, models in every form, one table."""
