"""Holds SBOMs to the schema of CycloneDX 1.6, with no field that it does not know."""

import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

check = JsonStrictValidator(SchemaVersion.V1_6)
for name in sys.argv[1:]:
    with open(name) as f:
        error = check.validate_str(f.read())
    if error:
        sys.exit(f"{name}: {error}")
print(len(sys.argv) - 1, "documents are CycloneDX 1.6")
