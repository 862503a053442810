"""What the fuzzing is aimed at: for each kind of input, how it is handed over, and how one is made by chance.

The tests load it by its place, under the name that it has for a program of this folder.
"""

from __future__ import annotations

from targets import clients, models, settings, sound
from targets.checking import Target

TARGETS = {
    "recordings": Target(sound.recordings, sound.make_recording),
    "samples": Target(sound.samples, lambda random: random.randbytes(random.randrange(2000))),
    "configurations": Target(settings.configurations, settings.make_configuration),
    "hook lines": Target(settings.hook_lines, settings.make_hook_line),
    "subscribers": Target(clients.subscribers, clients.make_talk),
    "scrapes": Target(clients.scrapes, clients.make_request),
    "captures": Target(sound.captures, sound.make_capture),
    "models": Target(models.models, models.make_model),
}
