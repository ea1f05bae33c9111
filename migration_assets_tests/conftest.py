"""What holds for every test."""

from hypothesis import settings

# An example may take long on a machine that has other work; a hang is shown by the faulthandler.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
