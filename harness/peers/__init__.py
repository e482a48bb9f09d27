"""Other emulators to compare with: how to install each into a place of its own, and to start it."""
