"""The one training loop, and the state that lets it go on after a crash."""
