"""What every test shares."""

from hypothesis import settings

# A deadline per example fails on a busy machine. The rest is Hypothesis's own profile, which
# already repeats itself exactly where CI is set.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
