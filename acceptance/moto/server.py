"""moto_server without six faults that keep the cdk command from deploying.

moto 5.2.1 registers a stack's exports when CreateStack makes it, and not when
ExecuteChangeSet does, which is how the cdk command deploys; and it reads the tags
of a KMS key in a template by the names that they have in KMS's own API; it
knows no UpdateTerminationProtection; it deletes a role before the managed policy
that depends on it; it takes RetainExceptOnCreate for Delete; and it makes no
function URLs out of templates.
"""

import sys

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.iam.models import Role, iam_backends
from moto.kms.models import KmsBackend
from moto.server import main
from moto.utilities.utils import get_partition

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


def protect(self):
    stack = self.cloudformation_backend.describe_stacks(self._get_param("StackName"))[0]
    stack.enable_termination_protection = str(self._get_param("EnableTerminationProtection")).lower() == "true"
    return ActionResult({"StackId": stack.stack_id})


deleted = CloudFormationBackend.delete_stack


def delete(self, name_or_stack_id):
    for stack in self.stacks.values():
        if name_or_stack_id in (stack.name, stack.stack_id) and stack.enable_termination_protection:
            raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        for resource in stack.resource_map._resource_json_map.values():
            if isinstance(resource, dict) and resource.get("DeletionPolicy") == "RetainExceptOnCreate":
                resource["DeletionPolicy"] = "Retain"
    return deleted(self, name_or_stack_id)


removed = Role.delete_from_cloudformation_json.__func__


def remove(cls, resource_name, cloudformation_json, account_id, region_name):
    for role in iam_backends[account_id][get_partition(region_name)].roles.values():
        if role.name == resource_name:
            role.managed_policies.clear()
    return removed(cls, resource_name, cloudformation_json, account_id, region_name)


class FunctionURL(CloudFormationModel):
    """A function's URL in a template. moto keeps one, and answers nothing at it."""

    __module__ = "moto.awslambda.models"  # moto looks for the service in it

    def __init__(self, function, config):
        self.function, self.url = function, config.url

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Url"

    @property
    def physical_resource_id(self):
        return self.function

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in ("FunctionUrl", "FunctionArn")

    def get_cfn_attribute(self, attribute_name):
        return {"FunctionUrl": self.url, "FunctionArn": self.function}[attribute_name]

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        asked = cloudformation_json["Properties"]
        function = asked["TargetFunctionArn"]
        return cls(function, lambda_backends[account_id][region_name].create_function_url_config(function, asked))

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        try:
            lambda_backends[account_id][region_name].delete_function_url_config(resource_name)
        except UnknownFunctionException:
            pass  # it went with its function


Role.delete_from_cloudformation_json = classmethod(remove)
CloudFormationResponse.update_termination_protection = protect
CloudFormationBackend.delete_stack = delete
CloudFormationBackend.execute_change_set = execute
KmsBackend.tag_resource = tag
sys.exit(main())
