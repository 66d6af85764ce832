# Asks moto's own matching of event patterns: one JSON object {"pattern": text,
# "event": object} a line in, true or false a line out.
import json
import sys

from moto.events.models import EventPattern

for line in sys.stdin:
    pair = json.loads(line)
    print("true" if EventPattern.load(pair["pattern"]).matches_event(pair["event"]) else "false")
