"""What all tests have in common."""

from hypothesis import settings

# Examples that failed are printed; nothing is written into the repository.
settings.register_profile("package", database=None, deadline=None, print_blob=True)
settings.load_profile("package")
