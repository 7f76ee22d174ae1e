"""The handout: a folder for students that holds every check and nothing that computes what is right."""
