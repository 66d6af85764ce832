"""moto_server without two faults that keep the cdk command from deploying.

moto 5.2.1 registers a stack's exports when CreateStack makes it, and not when
ExecuteChangeSet does, which is how the cdk command deploys; and it reads the tags
of a KMS key in a template by the names that they have in KMS's own API.
"""

import sys

from moto.cloudformation.models import CloudFormationBackend
from moto.kms.models import KmsBackend
from moto.server import main

executed = CloudFormationBackend.execute_change_set


def execute(self, *args, **kwargs):
    for stack in self.stacks.values():
        stack.resource_map.cross_stack_resources = self.exports
    executed(self, *args, **kwargs)
    for stack in self.stacks.values():
        if not stack.status.endswith("_COMPLETE"):
            continue  # its change set waits: nothing of it is there yet
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        for export in stack.exports:
            self.exports[export.name] = export


tagged = KmsBackend.tag_resource


def tag(self, key_id, tags):
    tagged(self, key_id, [{"TagKey": t.get("TagKey", t.get("Key")), "TagValue": t.get("TagValue", t.get("Value"))} for t in tags or []])


CloudFormationBackend.execute_change_set = execute
KmsBackend.tag_resource = tag
sys.exit(main())
