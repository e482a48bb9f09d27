"""The story as a file: what a scenario may say, how it is read, and where it is found."""
